"""How processes of an installation are asked how they are: over HTTP, or from inside their own containers.

What a process answers is whether it is ready, its metrics and its time. In this room: the asking. Not in this room:
what is thought of the answers (`processes`).
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from single_node.staff import NotPossible

_SECONDS: Final = 10
_PROBE_SECONDS: Final = 60
_PORTS: Final = (8080, 9090)
"""Where an API answers in a container, and where every other process does."""
_LABEL: Final = "app.kubernetes.io/part-of=single-customer-view"
_PROBE: Final = f"""
import http.client, json, time
def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout={_SECONDS})
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
for port in {_PORTS}:
    try:
        ready, _ = ask(port, "/readyz")
        _, metrics = ask(port, "/metrics")
    except OSError:
        continue
    print(json.dumps({{"ready": ready, "metrics": metrics, "time": time.time()}}))
    break
"""
"""Runs inside a container, with the Python that is there."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one process said; `ahead` are the seconds by which its clock is before ours."""

    where: str
    is_ready: bool
    ahead: float
    samples: tuple[Sample, ...]

    @property
    def service(self) -> str:
        """The service it is of, as people write it."""
        return self._info("service")

    @property
    def process(self) -> str:
        """Which process of the service it is."""
        return self._info("process")

    @property
    def version(self) -> str:
        """The version that runs."""
        return self._info("version")

    def values(self, name: str, **labels: str) -> list[float]:
        """Give the values of a metric under some labels."""
        wanted = labels.items()
        return [one.value for one in self.samples if one.name == name and wanted <= one.labels.items()]

    def labels(self, name: str, label: str) -> list[tuple[str, float]]:
        """Give the values of a metric by one of its labels."""
        return [(one.labels[label], one.value) for one in self.samples if one.name == name]

    def _info(self, label: str) -> str:
        return next((value for value, _ in self.labels("scv_info", label)), "?")


@dataclass(frozen=True, slots=True)
class Silent:
    """A process that said nothing of use, and why."""

    where: str
    why: str


Answer = Answered | Silent


async def ask(url: str, *, http: httpx.AsyncClient) -> Answer:
    """Ask a process at its address."""
    where = urlsplit(url).netloc or url
    loop = asyncio.get_running_loop()
    try:
        sent = loop.time()
        ready = await http.get(f"{url.rstrip('/')}/readyz")
        took = loop.time() - sent
        now = time.time()
        metrics = await http.get(f"{url.rstrip('/')}/metrics")
        metrics.raise_for_status()
        # A date has whole seconds, and is half of one behind on average.
        ahead = parsedate_to_datetime(ready.headers["Date"]).timestamp() + 0.5 - (now - took / 2)
        return Answered(where, ready.status_code == httpx.codes.OK, ahead, _samples(metrics.text))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Silent(where, f"it does not answer ({type(error).__name__})")
    except (KeyError, ValueError):
        return Silent(where, "what answers there is no process of ours")


@dataclass(frozen=True, slots=True)
class Containers:
    """Containers that can be entered: how they are listed, and how a program is run in one of them."""

    listing: Sequence[str]
    entering: Sequence[str]
    """`{}` stands for the container."""
    running: Sequence[str] = field(default=("/app/bin/python", "-c", _PROBE))

    async def names(self) -> list[str]:
        """List the containers that run. Raises `NotPossible`."""
        code, out, said = await _run(self.listing)
        if code:
            raise NotPossible(f"`{' '.join(self.listing)}` failed: {said.strip() or code}")
        return sorted(out.split())

    async def ask(self, name: str) -> Answer:
        """Ask the process in a container."""
        entering = [part.replace("{}", name) for part in self.entering]
        begun = time.time()
        code, out, _ = await _run([*entering, *self.running])
        middle = (begun + time.time()) / 2
        if code or not out.strip():
            return Silent(name, f"nothing answers inside the container (exit code {code})")
        try:
            told: dict[str, Any] = json.loads(out)
            return Answered(name, told["ready"] == httpx.codes.OK, told["time"] - middle, _samples(told["metrics"]))
        except (KeyError, ValueError):
            return Silent(name, "what answers there is no process of ours")


def kubernetes(namespace: str) -> Containers:
    """Enter the pods of a namespace by kubectl and its current context."""
    kubectl = ("kubectl", "--namespace", namespace)
    pods = ("get", "pods", f"--selector={_LABEL}", "--field-selector=status.phase=Running")
    return Containers(
        listing=(*kubectl, *pods, '--output=jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}'),
        entering=(*kubectl, "exec", "{}", "--"),
    )


def compose() -> Containers:
    """Enter the containers of the composed platform of the current directory."""
    services = ("docker", "compose", "ps", "--services", "--status=running")
    return Containers(listing=services, entering=("docker", "compose", "exec", "-T", "{}"))


def _samples(text: str) -> tuple[Sample, ...]:
    return tuple(sample for family in text_string_to_metric_families(text) for sample in family.samples)


async def _run(command: Sequence[str]) -> tuple[int, str, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise NotPossible(f"{command[0]} cannot be run ({error.strerror}).") from None
    try:
        out, said = await asyncio.wait_for(process.communicate(), _PROBE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return 1, "", f"it took longer than {_PROBE_SECONDS} s"
    return process.returncode or 0, out.decode(), said.decode()
