"""Runbooks say what happens: every step of those a node of one machine can play is run as it is written."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from single_node import tokens
from single_node.lodging import short_lived_directory
from single_node.place import Place
from tests.kafka_broker import ROOT
from tests.single_node.nodes import running_node

RUNBOOKS = ROOT / "docs" / "runbooks"
STEPS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFERRALS = {
    "title": "Referrals, LBHF to Mind in Hackney",
    "type": "dda",
    "valid_from": "2026-01-01",
    "valid_until": "2028-12-31",
    "parties": [{"org": "lbhf", "role": "controller"}, {"org": "mind-hackney", "role": "controller"}],
    "flows": [
        {
            "id": "refer",
            "from": "lbhf",
            "to": "mind-hackney",
            "purposes": ["homelessness"],
            "trigger": "referral",
            "service_areas": ["housing"],
            "categories": [{"category": "existence"}, {"category": "identity"}],
            "recipient_roles": ["partner-worker"],
            "legal_power": {"act": "Housing Act 1996", "section": "213"},
            "article6": "e",
        }
    ],
}


@pytest.fixture(scope="module")
def shell() -> Iterator["Shell"]:
    """A shell beside a running node, with the files that the runbooks speak of."""
    with short_lived_directory("scv-test-") as directory:
        place = Place(directory / "data")
        with running_node(place) as node:
            for org in ("hackney", "mind-hackney"):
                provider = tokens.registration(org, key=place.signing_key(f"identity-{org}"))
                (directory / f"{org}-provider.json").write_text(json.dumps(provider), "utf-8")
            (directory / "referrals-agreement.json").write_text(json.dumps(REFERRALS), "utf-8")
            lines = [json.dumps({"local_id": f"H-{n}", "family_name": "Larkspur"}) for n in (1, 2)]
            (directory / "hackney-crm.ndjson").write_text("\n".join([*lines, '{"local_id": "H-3", "x": 1}']), "utf-8")
            (directory / ".venv").symlink_to(Path(sys.prefix))
            yield Shell(directory, {**os.environ, "SCV_DATA": str(place.root), "GATEWAY": node.url})


class Shell:
    """Runs steps one after the other in one directory."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = environment

    def run(self, *runbooks: str) -> str:
        """Run every step of some runbooks in one shell; give what it printed."""
        texts = [(RUNBOOKS / f"{name}.md").read_text("utf-8") for name in ("README", *runbooks)]
        steps = [step for text in texts for step in STEPS.findall(text)]
        told = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(steps)],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-2000:]
        return told.stdout


def test_a_borough_is_onboarded(shell: Shell) -> None:
    said = shell.run("onboard-a-borough")

    assert '"created":2' in said
    assert '"rejected":1' in said
    own, others = [json.loads(line) for line in said.splitlines()[-2:]]
    assert {scope.partition("/")[0] for scope in own["grants"]} == {"hackney"}
    assert others["grants"] == {}
    assert "not-covered-by-agreement" in {denial["reason"] for denial in others["denials"]}


def test_a_partner_is_onboarded_and_an_agreement_with_it_suspended_and_resumed(shell: Shell) -> None:
    said = shell.run("onboard-a-partner", "agreement-suspended").splitlines()

    states = [line for line in said if line in ("proposed", "active", "suspended")]
    assert states == ["proposed", "active", "suspended", "suspended", "active"]
