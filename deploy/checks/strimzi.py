"""Strimzi's kinds, read with Strimzi's own classes, as its operator reads them.

Its definitions are in no registry that ordinary clients use; the classes they are made of are. In this room: running
`crds/Strimzi.java`, and what it says. Not in this room: other operators' kinds (`schemas`).
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from deploy.checks.operators import STRIMZI
from deploy.checks.rendering import ROOT, Manifest, name_of

JARS: Final = ROOT / ".tools/strimzi"
PROGRAM: Final = ROOT / "deploy/checks/crds/Strimzi.java"


def is_ours(manifest: Manifest) -> bool:
    """Say whether a manifest is of a kind of Strimzi's."""
    return bool(manifest["apiVersion"].startswith(f"{STRIMZI}/"))


def is_here() -> bool:
    """Say whether Strimzi's classes are here, and something that runs them."""
    return shutil.which("java") is not None and any(JARS.glob("api-*.jar"))


def wrong(resources: Sequence[Manifest]) -> list[str]:
    """Say what of some of Strimzi's kinds its operator would not understand."""
    if not resources:
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "resources.json"
        file.write_text(json.dumps(resources), "utf-8")
        done = subprocess.run(  # noqa: S603  our own program
            ["java", "-cp", f"{JARS}/*", str(PROGRAM), str(file)],  # noqa: S607  whichever Java is installed
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    if done.returncode != 0:
        return [f"Strimzi's classes could not read them: {done.stderr[-1000:]}"]
    return list(_named(done.stdout.splitlines(), resources))


def _named(lines: Iterable[str], resources: Sequence[Manifest]) -> Iterable[str]:
    for line in lines:
        number, _, what = line.partition("\t")
        yield f"{name_of(resources[int(number)])}: {what}"
