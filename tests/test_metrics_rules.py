"""House rules of metrics: labels hold words of small sets that the code knows, and the page about them is complete."""

import re

from tests.documents import ROOT
from tests.metrics import every_metric

BOUNDED = {
    "action": "the actions of the policy, and govern",
    "duty": "names of duties in the code",
    "method": "methods of HTTP, and other",
    "outcome": "what the audit, or a load, makes of a call or a record",
    "process": "api, relay, consumer, jobs, ledger",
    "purpose": "the purposes there are, and none",
    "reason": "types of problem, or failures of permits, that the code knows",
    "route": "templates of routes, without what a caller filled in",
    "service": "the four services",
    "state": "in_use, idle",
    "status": "statuses of HTTP, or of loads",
    "topic": "the topics of the platform; those of the partners are one",
    "version": "of the software",
    "work": "names of works in the code",
}
"""Labels that metrics may have, each with the small set its values are from; nothing of people or paths."""


def test_every_label_is_of_a_small_set_that_the_code_knows() -> None:
    for metric in every_metric().values():
        assert set(metric.labels) <= set(BOUNDED), f"{metric.name} has a label that may hold anything"


def test_every_metric_is_explained_where_it_is_looked_for() -> None:
    page = (ROOT / "docs" / "observability.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \| [^|]+ \| [^|]{10,} \|$", page, re.MULTILINE)
    explained = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}

    assert explained == {metric.name: (metric.kind, metric.labels) for metric in every_metric().values()}
    assert len(rows) == len(explained), "a metric is explained twice"
