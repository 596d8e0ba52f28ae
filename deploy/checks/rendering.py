"""The overlays as Kubernetes is given them: rendered offline by `kubectl kustomize`, and taken apart into manifests.

Not in this room: what must hold of them.
"""

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # comes with uvicorn, without types

ROOT: Final = Path(__file__).parent.parent.parent
OVERLAYS: Final = ("local", "partnership", "production")
HOW_TO: Final = (
    "kubectl 1.27 or newer is needed to render the overlays: `apt-get install kubernetes-client` from Debian 13 on,"
    " or `make .tools/kubectl`, which builds it (Go, a quarter of an hour)"
)
NATIVE: Final = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
"""API groups of Kubernetes itself; the kinds of all others are custom ones."""

Manifest = Mapping[str, Any]


class NoKubectl(Exception):
    """There is no kubectl that renders what we wrote."""

    def __str__(self) -> str:
        return HOW_TO


class Unrenderable(Exception):
    """An overlay that kustomize refuses; the message is its own."""


def kubectl() -> str:
    """Give the path of kubectl: the installed one, or else ours; raises `NoKubectl`."""
    found = shutil.which("kubectl") or shutil.which("kubectl", path=str(ROOT / ".tools"))
    if found is None:
        raise NoKubectl
    return found


def rendered(overlay: str) -> str:
    """Render an overlay to YAML; raises `NoKubectl` or `Unrenderable`."""
    folder = ROOT / "deploy/overlays" / overlay
    done = subprocess.run(  # noqa: S603  our own overlay
        [kubectl(), "kustomize", str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        if "unknown field" in done.stderr and "components" in done.stderr:
            raise NoKubectl
        raise Unrenderable(f"{overlay}: {done.stderr.strip()}")
    return done.stdout


@lru_cache
def manifests(overlay: str) -> Sequence[Manifest]:
    """Give what an overlay renders to, to be read only: whoever asks again is given the same."""
    return tuple(parsed(rendered(overlay)))


def parsed(text: str) -> list[Manifest]:
    """Take YAML apart into manifests."""
    return [one for one in yaml.safe_load_all(text) if one]


def of_kind(everything: Iterable[Manifest], *kinds: str) -> Iterator[Manifest]:
    """Give the manifests of some kinds."""
    return (one for one in everything if one["kind"] in kinds)


def name_of(manifest: Manifest) -> str:
    """Name a manifest as `namespace/Kind/name`, in messages."""
    return f"{namespace_of(manifest)}/{manifest['kind']}/{manifest['metadata']['name']}"


def namespace_of(manifest: Manifest) -> str:
    """Give the namespace a manifest is in; `default` where it names none, as kubectl does."""
    return str(manifest["metadata"].get("namespace", "default"))


def is_native(manifest: Manifest) -> bool:
    """Say whether Kubernetes itself knows the kind, so that it needs no custom resource definition."""
    return manifest["apiVersion"].rpartition("/")[0] in NATIVE
