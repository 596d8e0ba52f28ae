"""Waits until a composed platform is ready, container by container.

    readiness.py ENGINE [SERVICE…]      all of the project, or the services named

It runs each container's own health check itself, so that it need not matter whether the engine runs them by the clock.
"""

import json
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

_PROJECT: Final = "label=com.docker.compose.project=scv"
_SERVICE: Final = "com.docker.compose.service"
_PATIENCE_SECONDS: Final = 240
_PAUSE_SECONDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container as the engine describes it; `once` is one that ends when its work is done."""

    id: str
    service: str
    status: str
    exit_code: int
    check: tuple[str, ...]
    once: bool

    @property
    def failed(self) -> bool:
        """Whether it was to do something once and did not."""
        return self.once and self.status == "exited" and self.exit_code != 0


def described(found: dict[str, Any]) -> Container:
    """Read what `inspect` says of a container."""
    test = (found["Config"].get("Healthcheck") or {}).get("Test") or []
    state = found["State"]
    return Container(
        id=found["Id"],
        service=found["Config"]["Labels"][_SERVICE],
        status=state["Status"],
        exit_code=state["ExitCode"],
        check=tuple(test[1:]),
        once=found["HostConfig"]["RestartPolicy"]["Name"] != "unless-stopped",
    )


def _containers(engine: str) -> list[Container]:
    ids = _told(engine, "ps", "--all", "--quiet", "--filter", _PROJECT).split()
    return [described(one) for one in json.loads(_told(engine, "inspect", *ids))] if ids else []


def _is_ready(engine: str, container: Container) -> bool:
    if container.once:
        return container.status == "exited" and container.exit_code == 0
    if container.status != "running" or not container.check:
        return container.status == "running"
    done = subprocess.run([engine, "exec", container.id, *container.check], capture_output=True, check=False)  # noqa: S603  the check the file names
    return done.returncode == 0


def wait(engine: str, *, services: Collection[str]) -> str | None:
    """Wait and tell of each service that is ready; give what is wrong if one is not in time, or has failed."""
    started, ready, failing = time.monotonic(), set[str](), set[str]()
    while True:
        found = [one for one in _containers(engine) if not services or one.service in services]
        for one in sorted(found, key=lambda one: one.service):
            if one.service not in ready and _is_ready(engine, one):
                ready.add(one.service)
                _say(f"  {time.monotonic() - started:4.0f} s  {one.service} {'done' if one.once else 'ready'}")
        missing = [one.service for one in found if one.service not in ready]
        # Twice in a row: one that is tried again shows as failed for a moment.
        before, failing = failing, {one.service for one in found if one.failed}
        failed = before & failing
        if found and not missing and ready >= set(services):
            return None
        if failed or time.monotonic() - started > _PATIENCE_SECONDS:
            wrong = sorted(failed or missing) or ["nothing is running"]
            return f"not ready: {', '.join(wrong)}. `{engine} logs` of the container says why."
        time.sleep(_PAUSE_SECONDS)


def _told(engine: str, *arguments: str) -> str:
    return subprocess.run([engine, *arguments], capture_output=True, text=True, check=True).stdout  # noqa: S603  the engine the operator named


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(wait(sys.argv[1], services=sys.argv[2:]))
