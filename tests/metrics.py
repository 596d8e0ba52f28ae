"""Every metric there is, as the code declares it: its name, kind, labels and help.

In this room: what is registered by any process of any service. What is held against it is in `deploy` and in the house
rules.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

import customer_index.metrics
import gateway.metrics
import referrals.metrics
from shared.db import Database
from shared.metrics import ConsumerMetrics, ReadingsAge, RelayMetrics, new_registry, watch_progress
from shared.progress import Progress
from shared.shipping import ShippingMetrics
from tests.documents import NOWHERE, applications

OURS = ("scv_", "http_")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


@dataclass(frozen=True, slots=True)
class DeclaredMetric:
    """A metric by the name under which it is exposed; a histogram by its base."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str

    def series(self) -> set[str]:
        """Name the series it is scraped as."""
        base = self.name.removesuffix("_total")
        return {base + suffix for suffix in _SUFFIXES[self.kind]}


def every_metric() -> dict[str, DeclaredMetric]:
    """List the metrics of our own, by name."""
    found: dict[str, DeclaredMetric] = {}
    for registry in (*_of_apis(), *_of_workers()):
        for metric in _declared(registry):
            assert found.setdefault(metric.name, metric) == metric, f"{metric.name} is declared twice, differently"
    return found


def _of_apis() -> Iterable[CollectorRegistry]:
    for app in applications().values():
        app.build_middleware_stack()
        yield app.state.registry


def _of_workers() -> Iterable[CollectorRegistry]:
    database = Database(NOWHERE, pool_size=1, name="nobody")
    worker = new_registry(service="gateway", process="jobs", database=database)
    watch_progress(worker, {"work": Progress()})
    ReadingsAge(worker)
    yield worker
    for kind in (
        RelayMetrics,
        ConsumerMetrics,
        ShippingMetrics,
        gateway.metrics.JobMetrics,
        customer_index.metrics.JobMetrics,
        referrals.metrics.JobMetrics,
    ):
        registry = CollectorRegistry()
        kind(registry)
        yield registry


def _declared(registry: CollectorRegistry) -> Iterable[DeclaredMetric]:
    # Label names of a metric without a sample are known to nothing but the library's own attributes.
    for collector in list(registry._collector_to_names):
        labels: tuple[str, ...] | None = getattr(collector, "_labelnames", None)
        for family in collector.collect():
            if family.name.startswith(OURS):
                named = labels if labels is not None else tuple(family.samples[0].labels)
                name = f"{family.name}_total" if family.type == "counter" else family.name
                yield DeclaredMetric(name, family.type, tuple(named), family.documentation)
