"""Runbooks say what happens: every step of those a node of one machine can play is run as it is written."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from single_node import tokens
from single_node.lodging import short_lived_directory
from single_node.place import Place
from tests.kafka_broker import ROOT
from tests.single_node.nodes import await_true, running_node, scv

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


def steps(*runbooks: str) -> list[str]:
    """Give the steps of some runbooks, as they are written."""
    return [step for name in runbooks for step in STEPS.findall((RUNBOOKS / f"{name}.md").read_text("utf-8"))]


@pytest.fixture(scope="module")
def shell() -> Iterator["Shell"]:
    """A shell beside a running node, with the files that the runbooks speak of."""
    with short_lived_directory("scv-test-") as directory, ExitStack() as running:
        place = Place(directory / "data")
        shell = Shell(directory, place, running)
        shell.start_node()
        for org in ("hackney", "mind-hackney", "lbhf"):
            provider = tokens.registration(org, key=place.signing_key(f"identity-{org}"))
            shell.write(f"{org}-provider.json", json.dumps(provider))
        shell.write("referrals-agreement.json", json.dumps(REFERRALS))
        lines = [json.dumps({"local_id": f"H-{n}", "family_name": "Larkspur"}) for n in (1, 2)]
        shell.write("hackney-crm.ndjson", "\n".join([*lines, '{"local_id": "H-3", "x": 1}']))
        (directory / ".venv").symlink_to(Path(sys.prefix))
        yield shell


class Shell:
    """Runs steps one after the other in one directory, beside a node."""

    def __init__(self, directory: Path, place: Place, running: ExitStack) -> None:
        self.directory = directory
        self.place = place
        self.gateway = ""
        self._running = running

    def start_node(self) -> None:
        """Start the node; one that runs is stopped first."""
        self._running.close()
        self.gateway = self._running.enter_context(running_node(self.place)).url

    def write(self, file: str, text: str) -> None:
        """Write a file that a runbook speaks of."""
        (self.directory / file).parent.mkdir(exist_ok=True)
        (self.directory / file).write_text(text, "utf-8")

    def keep_checkpoints(self) -> None:
        """Fetch checkpoints into `kept`, as an organisation does every day."""
        assert scv(self.place, "audit", "checkpoint", str(self.directory / "kept"), "--org", "lbhf").returncode == 0

    def run(self, *runbooks: str, told: Mapping[str, str] | None = None) -> str:
        """Run every step of some runbooks in one shell, which is told some variables; give what it printed."""
        return self.run_steps(steps("README", *runbooks), told=told)

    def run_steps(self, some: Iterable[str], *, told: Mapping[str, str] | None = None) -> str:
        """Run steps in one shell, which is told some variables; give what it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(some)],
            cwd=self.directory,
            env={**os.environ, "SCV_DATA": str(self.place.root), "GATEWAY": self.gateway, **(told or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout


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


MALLORY = """
as lbhf crm system
RECORD=$(call PUT /v1/sources/crm/records/L-1 -H 'SCV-Purpose: data-stewardship' -d '{"family_name": "Larkspur"}')
PERSON=$(echo "$RECORD" | field person_id)
as lbhf mallory caseworker
call GET "/v1/people/$PERSON" -H 'SCV-Purpose: housing' > seen
"""
"""A worker sees a resident."""


def test_after_a_suspected_leak_it_is_known_who_saw_whom_and_the_worker_is_shut_out(shell: Shell) -> None:
    after = """
as lbhf mallory caseworker
call GET "/v1/people/$PERSON" -H 'SCV-Purpose: housing' || true
"""

    said = shell.run_steps([*steps("README"), MALLORY, *steps("suspected-leak"), after]).splitlines()

    assert any(line.endswith(": whole.") for line in said)
    seen_by = next(json.loads(line) for line in said if line.startswith('{"items":'))["items"]
    assert [(one["organisation"], one["role"], one["purpose"]) for one in seen_by] == [
        ("lbhf", "caseworker", "housing")
    ]
    assert any(" housing read allowed " in line for line in said)
    assert any('"roles":[]' in line for line in said)
    assert json.loads(said[-1])["type"] == "/problems/role-not-permitted"


def test_a_seal_is_looked_at_with_what_was_kept_before(shell: Shell) -> None:
    shell.keep_checkpoints()

    said = shell.run("broken-seal")

    assert ": whole." in said
    assert "0 wrong" in said
    assert (shell.directory / "evidence" / "SHA256SUMS").read_text("utf-8").count("kept-") == 4


def test_keys_are_rotated_and_what_both_checkpoint_keys_signed_is_whole(shell: Shell) -> None:
    old = shell.place.root / "secrets" / "checkpoint.jwk"
    permit = scv(shell.place, "keys", "public", str(shell.place.root / "secrets" / "permit.jwk"))
    shell.write("keys/permit-keys.json", permit.stdout)
    shell.write("keys/cursor_secret", (shell.place.root / "secrets" / "cursors-gateway").read_text("utf-8"))

    shell.run("rotate-keys", told={"OLD": str(old), "API": shell.gateway})
    (shell.directory / "keys" / "checkpoint-new.jwk").replace(old)
    shell.start_node()
    shell.keep_checkpoints()  # which is audited, and so is sealed under the new key
    await_true(lambda: _signed_by(shell) == 2)

    assert len(json.loads((shell.directory / "keys" / "both.json").read_text("utf-8"))["keys"]) == 2


def _signed_by(shell: Shell) -> int:
    """Fetch checkpoints and verify the log as the runbook does; give how many keys signed what is kept."""
    said = shell.run_steps(step for step in steps("rotate-keys") if "scv audit" in step)
    assert ": whole." in said
    kept = (shell.directory / "kept" / "checkpoints.ndjson").read_text("utf-8").splitlines()
    return len({json.loads(line)["key_id"] for line in kept})
