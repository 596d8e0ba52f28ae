"""The overlays as the tests read them; where there is no kubectl, one line says how to get it."""

import os
from collections.abc import Sequence

import pytest

from deploy.checks.rendering import Manifest, NoKubectl, manifests


def overlay_of(name: str) -> Sequence[Manifest]:
    """Give what an overlay renders to; skip the test without kubectl, or fail it where everything has to be tested."""
    try:
        return manifests(name)
    except NoKubectl as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
