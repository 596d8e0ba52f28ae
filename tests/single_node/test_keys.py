"""`scv keys`: keys are written once, for their owner alone, and a log goes on being verifiable under the next key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from typer.testing import CliRunner, Result

from single_node.cli import app
from single_node.lodging import short_lived_directory
from single_node.place import Place
from tests.single_node.nodes import await_true, running_node, scv


def keys(*arguments: object) -> Result:
    """Run `scv keys`, which needs no node."""
    return CliRunner().invoke(app, ["keys", *map(str, arguments)])


def content(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.parametrize("kind", ["permit", "checkpoint"])
def test_a_new_key_is_private_named_by_its_thumbprint_and_for_its_owner_alone(kind: str, tmp_path: Path) -> None:
    made = keys("new", kind, tmp_path / "key.jwk")

    key = OKPKey.import_key(content(tmp_path / "key.jwk"))
    assert made.exit_code == 0, made.stderr
    assert (key.is_private, key.kid) == (True, key.thumbprint())
    assert (tmp_path / "key.jwk").stat().st_mode & 0o777 == 0o600
    assert str(key.kid) in made.stderr
    assert content(tmp_path / "key.jwk")["d"] not in made.output


def test_no_key_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "key.jwk"
    assert keys("new", "permit", file).exit_code == 0
    before = file.read_text()

    again = keys("new", "permit", file)

    assert again.exit_code == 1
    assert "no key is ever written over" in again.stderr
    assert file.read_text() == before


def test_the_public_halves_of_keys_and_of_sets_are_one_set(tmp_path: Path) -> None:
    for name in ("old", "new"):
        keys("new", "permit", "--kid", name, tmp_path / name)
    (tmp_path / "set").write_text(keys("public", tmp_path / "old").stdout)

    shown = keys("public", tmp_path / "new", tmp_path / "set", tmp_path / "old")

    assert shown.exit_code == 0, shown.stderr
    assert [key["kid"] for key in json.loads(shown.stdout)["keys"]] == ["new", "old"]
    assert '"d"' not in shown.stdout


def test_two_keys_of_one_name_are_not_put_into_a_set(tmp_path: Path) -> None:
    for name in ("one", "other"):
        keys("new", "permit", "--kid", "2026", tmp_path / name)

    shown = keys("public", tmp_path / "one", tmp_path / "other")

    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "2026" in shown.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": []}', '{"keys": 1}', '{"kty": "oct", "k": "aHVzaA"}'])
def test_what_is_no_key_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "no.jwk").write_text(text)

    shown = keys("public", tmp_path / "no.jwk")

    assert shown.exit_code == 1
    assert "holds no Ed25519 key" in shown.stderr


def test_a_permit_key_follows_none(tmp_path: Path) -> None:
    keys("new", "permit", tmp_path / "old")

    refused = keys("new", "permit", "--follows", tmp_path / "old", tmp_path / "new")

    assert refused.exit_code == 1
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A data directory of a node that is started more than once."""
    with short_lived_directory("scv-test-") as directory:
        yield Place(directory / "data")


def test_a_log_stays_verifiable_when_its_checkpoint_key_is_changed(place: Place, tmp_path: Path) -> None:
    kept, key, log = tmp_path / "kept", place.secrets / "checkpoint.jwk", tmp_path / "log.ndjson"

    def fetched(*more: str) -> Any:
        return scv(place, "audit", "checkpoint", str(kept), "--org", "lbhf", *more)

    with running_node(place):
        await_true(lambda: (kept / "checkpoints.ndjson").exists() or fetched().returncode != 0)
        await_true(lambda: fetched().returncode == 0 and (kept / "checkpoints.ndjson").read_text() != "")
    old = content(key)
    assert keys("new", "checkpoint", "--follows", key, tmp_path / "next.jwk").exit_code == 0
    (tmp_path / "next.jwk").replace(key)

    with running_node(place):
        await_true(lambda: fetched().returncode == 0 and content(key)["kid"] in signers(kept))
        assert scv(place, "audit", "export", str(log), "--org", "lbhf").returncode == 0

    assert {old["kid"], content(key)["kid"]} <= signers(kept)
    verified = CliRunner().invoke(app, ["audit", "verify", str(log), "--checkpoints", str(kept)])
    assert verified.exit_code == 0, verified.stdout

    key.unlink()
    stranger = place.signing_key("checkpoint")
    with running_node(place):
        await_true(lambda: "vouches for" in fetched().stderr)
        suspicious = fetched()
        assert suspicious.returncode == 1
        assert stranger["kid"] in suspicious.stderr
        assert stranger["kid"] not in {one["kid"] for one in content(kept / "keys.json")["keys"]}

        assert fetched("--trust", stranger["kid"]).returncode == 0
        assert fetched().returncode == 0
        assert scv(place, "audit", "export", str(log), "--org", "lbhf").returncode == 0
    verified = CliRunner().invoke(app, ["audit", "verify", str(log), "--checkpoints", str(kept)])
    assert verified.exit_code == 0, verified.stdout


def signers(kept: Path) -> set[str]:
    """Name the keys that signed the checkpoints kept."""
    return {json.loads(line)["key_id"] for line in (kept / "checkpoints.ndjson").read_text().splitlines()}
