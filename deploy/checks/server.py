"""`make manifests-server`: every overlay put to a real Kubernetes API server, which would take it but keeps nothing.

In this room: the definitions it is given first, the dry run of each overlay, and a proof that it bites. Not in this
room: the server (`apiserver`), and what it cannot tell: that operators, which do not run here, do what is asked.
"""

# ruff: noqa: T201  a command line prints
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from deploy.checks import schemas
from deploy.checks.apiserver import NoServer, Server, api_server
from deploy.checks.rendering import OVERLAYS, Manifest, NoKubectl, Unrenderable, is_native, manifests, namespace_of

_PATIENCE: Final = 30
BARE: Final = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "bare"},
    "spec": {"containers": [{"name": "bare", "image": "bare"}]},
}


def main() -> None:
    """Put every overlay to a server; end with 1 if it refuses or warns of anything, or does not bite."""
    try:
        overlays = {overlay: manifests(overlay) for overlay in OVERLAYS}
        with api_server() as server:
            print(f"server: {json.loads(server.ask('version', '-o', 'json').stdout)['serverVersion']['gitVersion']}")
            wrong = [*_defined(server, overlays.values()), *_housed(server, overlays.values())]
            for overlay, everything in overlays.items():
                wrong += [f"{overlay}: {what}" for what in refused(server, everything)]
                print(f"{overlay}: {len(everything)} manifests put to it")
            wrong += does_not_bite(server, overlays)
    except (NoServer, NoKubectl, Unrenderable) as error:
        sys.exit(f"manifests-server: {error}")
    for what in wrong:
        print(f"  {what}", file=sys.stderr)
    if wrong or not overlays:
        sys.exit(f"manifests-server: {len(wrong)} wrong in {len(overlays)} overlays; the server's own words are above")
    print(f"manifests-server: it takes {len(overlays)} overlays, and refuses a bare pod and a field that there is not")


def refused(server: Server, everything: Sequence[Manifest]) -> Iterator[str]:
    """Give what the server refuses of an overlay, and what it warns of, without keeping any of it."""
    done = server.ask("apply", "--dry-run=server", "-f", "-", given=_list(everything))
    taken = len(done.stdout.splitlines())
    yield from (line for line in done.stderr.splitlines() if line.strip())
    if taken != len(everything):
        yield f"took {taken} of {len(everything)}"


def does_not_bite(server: Server, overlays: Mapping[str, Sequence[Manifest]]) -> Iterator[str]:
    """Give what the server lets pass that it must not: a bare pod where ours are to be, a field that there is not."""
    for overlay, everything in overlays.items():
        homes = {namespace_of(one) for one in everything if one["kind"] == "Deployment"}
        for home in sorted(homes):
            said = server.ask("create", "--dry-run=server", "-n", home, "-f", "-", given=json.dumps(BARE))
            if "violates PodSecurity" not in said.stderr:
                yield f"{overlay}: a pod without a securityContext is let into {home}: {said.stdout}{said.stderr}"
        first = next(one for one in everything if one["kind"] == "Deployment")
        misspelt = {**first, "spec": {**first["spec"], "replica": 2}}
        if "unknown field" not in server.ask("apply", "--dry-run=server", "-f", "-", given=json.dumps(misspelt)).stderr:
            yield f"{overlay}: a misspelt field is taken"


def _defined(server: Server, overlays: Iterable[Sequence[Manifest]]) -> Iterator[str]:
    """Have the server know the custom kinds: by their definitions, or as anything where these are not here."""
    kinds = {(one["apiVersion"], one["kind"]) for everything in overlays for one in everything if not is_native(one)}
    groups = {version.partition("/")[0] for version, _ in kinds}
    known = [one for one in schemas.definitions() if one["spec"]["group"] in groups]
    names = {(one["spec"]["group"], one["spec"]["names"]["kind"]) for one in known}
    open_ones = [(v, k) for v, k in sorted(kinds) if (v.partition("/")[0], k) not in names]
    print(f"server: {len(known)} definitions of custom resources" + "".join(f"; any {kind}" for _, kind in open_ones))
    given = [_approved(one) for one in known]
    given += [_approved(_open(*version.split("/"), kind=kind)) for version, kind in open_ones]
    if given:
        done = server.ask("create", "-f", "-", given=_list(given))
        yield from (f"definitions: {line}" for line in done.stderr.splitlines())
        for _ in range(_PATIENCE):
            # A definition is first without any condition, over which `wait` stumbles.
            done = server.ask("wait", "--for=condition=Established", "--timeout=10s", "crd", "--all")
            if done.returncode == 0:
                return
            time.sleep(1)
        yield from (f"definitions: {line}" for line in done.stderr.splitlines())


def _housed(server: Server, overlays: Iterable[Sequence[Manifest]]) -> Iterator[str]:
    """Make the overlays' namespaces, each with the account that a controller would give it."""
    made = {one["metadata"]["name"]: one for everything in overlays for one in everything if one["kind"] == "Namespace"}
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
        for name in made
    ]
    done = server.ask("apply", "-f", "-", given=_list([*made.values(), *accounts]))
    yield from (f"namespaces: {line}" for line in done.stderr.splitlines())


def _approved(definition: Manifest) -> Manifest:
    """Let a definition be of a group of Kubernetes' own, as only its own people may."""
    metadata = definition["metadata"]
    annotations = {"api-approved.kubernetes.io": "unapproved, for a check", **metadata.get("annotations", {})}
    return {**definition, "metadata": {**metadata, "annotations": annotations}}


def _open(group: str, version: str, *, kind: str) -> Manifest:
    """Define a kind that may hold anything."""
    plural = f"{kind.lower()}s"
    anything: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}],
        },
    }


def _list(manifests: Sequence[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})


if __name__ == "__main__":
    main()
