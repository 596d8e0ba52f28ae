"""The environment: the Python that runs us, and the packages of the lock.

Nothing but the standard library is used here, so that a broken environment can still be told.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from single_node.doctor.finding import Finding, ok, unchecked, warning, wrong

LOCK: Final = Path(__file__).resolve().parents[4] / "requirements.lock"
"""The lock of the workspace we run from; an installation without a workspace has none."""

_OLDEST: Final = (3, 11)
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)\s*(;?)", re.MULTILINE)
_OURS: Final = ("shared", "customer_index", "case_episodes", "referrals", "gateway", "single_node")
_SHOWN: Final = 5
_INSTALL: Final = "make setup    (or, if that says it is ready: rm .venv/ready && make setup)"


def look_at_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Judge the version of Python."""
    told = ".".join(map(str, version))
    if version < _OLDEST:
        return wrong("Python", f"{told} is too old", remedy="make clean && make setup PYTHON=python3.11")
    return ok("Python", told)


def look_at_packages(lock: Path = LOCK) -> Iterator[Finding]:
    """Judge our own packages and those of a lock."""
    missing = [name for name in _OURS if importlib.util.find_spec(name) is None]
    if missing:
        yield wrong("our packages", f"{', '.join(missing)} cannot be imported", remedy=_INSTALL)
    else:
        yield ok("our packages", f"{len(_OURS)} can be imported")
    if not lock.exists():
        yield unchecked("locked packages", "there is no requirements.lock here", remedy="run from the workspace")
        return
    pins = _pins(lock.read_text("utf-8"))
    missing, different = [*_missing(pins)], [*_different(pins)]
    if missing:
        yield wrong("locked packages", f"{_listed(missing)} cannot be imported", remedy=_INSTALL)
    if different:
        yield warning("locked packages", f"not as locked: {_listed(different)}", remedy=_INSTALL)
    if not missing and not different:
        yield ok("locked packages", f"{len(pins)}, each as in the lock and importable")


def _pins(lock: str) -> dict[str, tuple[set[str], bool]]:
    """Read which versions a lock names for each package, and whether it is for some platforms only."""
    pins: dict[str, tuple[set[str], bool]] = {}
    for name, version, condition in _PIN.findall(lock):
        versions, is_conditional = pins.get(name, (set(), False))
        pins[name] = (versions | {version}, is_conditional or condition == ";")
    return pins


def _missing(pins: Mapping[str, tuple[set[str], bool]]) -> Iterator[str]:
    """Name packages that are not installed, or whose modules are not found; one for other platforms may be missing."""
    modules: dict[str, list[str]] = {}
    for module, distributions in metadata.packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(_normal(distribution), []).append(module)
    for name, (_, is_conditional) in pins.items():
        if _installed(name) is None:
            if not is_conditional:
                yield name
        elif not all(_is_there(module) for module in modules.get(_normal(name), ()) if module.isidentifier()):
            yield name


def _different(pins: Mapping[str, tuple[set[str], bool]]) -> Iterator[str]:
    for name, (versions, _) in pins.items():
        found = _installed(name)
        if found is not None and found not in versions:
            yield f"{name} {found} instead of {' or '.join(sorted(versions))}"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
