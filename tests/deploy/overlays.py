"""The overlays as the tests read them; where there is no kubectl, one line says how to get it."""

from collections.abc import Sequence

from deploy.checks.rendering import Manifest, NoKubectl, manifests
from tests.needed import give_up


def overlay_of(name: str) -> Sequence[Manifest]:
    """Give what an overlay renders to; skip the test without kubectl, or fail it where everything has to be tested."""
    try:
        return manifests(name)
    except NoKubectl as missing:
        give_up(str(missing))
