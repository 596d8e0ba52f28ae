"""`make manifests`: every overlay rendered offline and checked, with a line for each thing done.

In this room: which checks there are, in order, and how to mend what they find. Not in this room: the graph of the
network, Pod Security and rights in Kafka, which are tests (`tests/deploy`), and a real API server (`server`).
"""

# ruff: noqa: T201  a command line prints
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]  # comes with uvicorn, without types

from deploy.checks import schemas
from deploy.checks.references import dangling, secrets_with_data
from deploy.checks.rendering import OVERLAYS, ROOT, Manifest, NoKubectl, Unrenderable, is_native, manifests
from deploy.checks.told import unknown_in

KUBERNETES: Final = "1.33"
"""The oldest version that we say we run on; schemas of newer ones know more fields."""
TOOLS: Final = ROOT / ".tools"
CHECKOV: Final = ROOT / "deploy/checks/checkov.yaml"
RUNBOOK: Final = ROOT / "docs/runbooks/install.md"
MENDING: Final = """
How to mend it:
  rendering             the file and line above; `kubectl kustomize deploy/overlays/NAME` shows what comes of it
  kubernetes-validate   a field that Kubernetes does not have, or of another type: `kubectl explain KIND.FIELD`
  custom resources      the same for an operator's kind; which schemas are used is in deploy/checks/README.md
  checkov               do as it says, or name the check and the reason in deploy/checks/checkov.yaml
  settings              a name no class of settings has: docs/configuration.md lists all
  references            name what is there; a secret made by hand is made in docs/runbooks/install.md"""


def main() -> None:
    """Check every overlay; end with 1 and how to mend it if anything is wrong."""
    try:
        wrong = [what for overlay in OVERLAYS for what in check(overlay)]
    except (NoKubectl, Unrenderable) as error:
        sys.exit(f"manifests: {error}")
    wrong += checkov()
    for what in wrong:
        print(f"  {what}", file=sys.stderr)
    if wrong or not OVERLAYS:
        sys.exit(f"manifests: {len(wrong)} wrong in {len(OVERLAYS)} overlays{MENDING}")
    print(f"manifests: {len(OVERLAYS)} overlays hold")


def check(overlay: str) -> Iterator[str]:
    """Render one overlay, say what was done, and give what is wrong with it."""
    everything = manifests(overlay)
    native = [one for one in everything if is_native(one)]
    custom = [one for one in everything if not is_native(one)]
    runbook = RUNBOOK.read_text("utf-8") if RUNBOOK.is_file() else ""
    seen, unseen = schemas.split(custom)
    print(
        f"{overlay}: {len(everything)} manifests; {len(native)} against the schemas of Kubernetes {KUBERNETES};"
        f" {len(seen)} custom ones against those of their operators"
        + (
            f", {len(unseen)} not ({', '.join(sorted({one['kind'] for one in unseen}))}): {schemas.HOW_TO}"
            if unseen
            else ""
        )
    )
    for what, found in (
        ("kubernetes-validate", validated(overlay, native)),
        ("custom resources", schemas.wrong(seen)),
        ("settings", unknown_in(everything)),
        ("references", dangling(everything, runbook=runbook)),
        ("secrets", [f"{name} is written out" for name in secrets_with_data(everything)]),
    ):
        yield from (f"{overlay}: {what}: {one}" for one in dict.fromkeys(found))


def validated(overlay: str, native: Sequence[Manifest]) -> list[str]:
    """Give what `kubernetes-validate --strict` says against manifests; a kind it does not know is wrong."""
    file = rendered_file(overlay)
    file.write_text(yaml.safe_dump_all(native), "utf-8")
    command = [str(TOOLS / "bin/kubernetes-validate"), "--strict", "-k", KUBERNETES, str(file)]
    said = _output(command).replace(f"{file} ", "").splitlines()
    if sum(line.startswith("INFO ") for line in said) == len(native):
        return []
    return [line for line in said if not line.startswith("INFO ")] or [f"it looked at {len(said)} of {len(native)}"]


def checkov() -> list[str]:
    """Give what checkov says against the overlays, all in one run, because its start takes seconds."""
    files = [str(rendered_file(overlay)) for overlay in OVERLAYS]
    said = _output([str(TOOLS / "bin/checkov"), "--config-file", str(CHECKOV), "--file", *files])
    lines = [line.strip() for line in said.splitlines()]
    summary = [line for line in lines if line.startswith("Passed checks:")]
    print(f"checkov: {summary[0] if summary else 'looked at nothing'}")
    if summary and "Failed checks: 0," in summary[0] and not summary[0].startswith("Passed checks: 0,"):
        return []
    return [f"checkov: {line}" for line in lines if line.startswith(("Check:", "FAILED", "File:"))] or [said[-2000:]]


def rendered_file(overlay: str) -> Path:
    """Give where an overlay's manifests of Kubernetes' own kinds are laid for the tools."""
    folder = TOOLS / "rendered"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{overlay}.yaml"


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603  our own tools
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
