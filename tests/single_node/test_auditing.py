"""`scv audit` as somebody at a terminal meets it: on a running node, and then offline."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from single_node.cli import app
from single_node.lodging import short_lived_directory
from single_node.place import Announcement, Place
from tests.single_node.nodes import await_true, running_node, scv


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A data directory for all tests here, gone with the last of them."""
    with short_lived_directory("scv-test-") as directory:
        yield Place(directory / "data")


@pytest.fixture(scope="module")
def node(place: Place) -> Iterator[Announcement]:
    """A node on that directory."""
    with running_node(place) as announcement:
        yield announcement


@pytest.fixture(scope="module")
def kept(place: Place, node: Announcement) -> Path:
    """Checkpoints that were kept of the node."""
    directory = place.root.parent / "kept"
    await_true(lambda: scv(place, "audit", "checkpoint", str(directory), "--org", "lbhf").returncode == 0)
    # What the first call left in the audit is sealed soon after.
    await_true(lambda: "0 new" not in scv(place, "audit", "checkpoint", str(directory), "--org", "lbhf").stdout)
    return directory


@pytest.fixture(scope="module")
def exported(place: Place, kept: Path) -> Path:
    """An export of the node's log, newer than what is kept."""
    file = place.root.parent / "log.ndjson"
    done = scv(place, "audit", "export", str(file), "--org", "lbhf")
    assert done.returncode == 0, done.stderr
    return file


def test_an_export_is_verified_offline(exported: Path, kept: Path, place: Place) -> None:
    verified = verify(exported, kept)

    assert verified.exit_code == 0, verified.stdout
    leaves = len(exported.read_text().splitlines()) - 1
    assert leaves > 10
    assert verified.stdout.startswith(f"{leaves} leaves (")
    assert verified.stdout.strip().endswith("whole.")
    assert "NOT" not in verified.stdout


@pytest.mark.parametrize("fault", ["edited", "dropped", "swapped", "truncated", "forked", "bad signature"])
def test_what_was_done_to_a_log_is_named(fault: str, exported: Path, kept: Path, tmp_path: Path) -> None:
    head, *leaves = exported.read_text().splitlines()
    opened = next(index for index, leaf in enumerate(leaves) if json.loads(leaf)["row"] is not None)
    if fault == "edited":
        leaves[opened] = altered(leaves[opened], lambda leaf: leaf["row"].update(subject="nobody"))
    elif fault == "dropped":
        del leaves[3]
    elif fault == "swapped":
        leaves[1], leaves[2] = leaves[2], leaves[1]
    elif fault == "truncated":
        del leaves[-2:]
    elif fault == "forked":
        leaves[2] = altered(leaves[2], lambda leaf: leaf.update(json.loads(leaves[4]) | {"leaf_index": 2}))
    else:
        head = altered(head, lambda line: line["checkpoint"].update(root_hash="00" * 32))
    file = tmp_path / "log.ndjson"
    file.write_text("\n".join([head, *leaves]) + "\n")

    verified = verify(file, kept)

    assert verified.exit_code == 1
    assert "NOT whole" in verified.stdout
    assert f"  {fault}: " in verified.stdout


def test_a_file_that_is_no_export_is_named_by_its_line(exported: Path, kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "log.ndjson"
    file.write_text(exported.read_text().replace('"leaf_hash"', '"leaf_fish"', 3))
    assert "Line 2 of" in verify(file, kept).stderr
    file.write_text("no export\n")
    assert "does not begin with a checkpoint" in verify(file, kept).stderr


def test_without_kept_checkpoints_nothing_can_be_verified(exported: Path, tmp_path: Path) -> None:
    verified = verify(exported, tmp_path)

    assert verified.exit_code == 1
    assert "scv audit checkpoint" in verified.stderr


def test_a_gateway_anywhere_is_asked_with_a_token_from_the_environment(
    place: Place, node: Announcement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = scv(place, "token", "--org", "wcc", "--subject", "ines", "--role", "ig-lead").stdout.strip()
    asked = ["audit", "checkpoint", str(tmp_path / "kept"), "--org", "wcc"]
    monkeypatch.setenv("SCV_DATA", str(tmp_path / "no node"))
    monkeypatch.setenv("SCV_GATEWAY", node.url)
    without = CliRunner().invoke(app, asked)
    monkeypatch.setenv("SCV_TOKEN", token)

    fetched = CliRunner().invoke(app, asked)

    assert (without.exit_code, "SCV_TOKEN" in without.stderr) == (1, True)
    assert fetched.exit_code == 0, fetched.stderr
    assert (tmp_path / "kept" / "keys.json").exists()


def test_what_whoever_holds_the_key_changed_everywhere_shows_against_what_was_kept(
    place: Place, node: Announcement, kept: Path, tmp_path: Path
) -> None:
    """The last test here: it leaves a log that is not the one that was kept."""
    asyncio.run(_forget_the_log(node))
    await_true(lambda: _tree_size(place, node) > 0)
    anew = tmp_path / "anew"
    file = tmp_path / "log.ndjson"

    fetched = scv(place, "audit", "checkpoint", str(kept), "--org", "lbhf")
    fresh = scv(place, "audit", "checkpoint", str(anew), "--org", "lbhf")
    assert scv(place, "audit", "export", str(file), "--org", "lbhf").returncode == 0

    assert (fetched.returncode, fresh.returncode) == (1, 0), fetched.stderr
    assert "does not continue" in fetched.stderr
    assert verify(file, anew).exit_code == 0, "by itself it is a log like any other"
    against_kept = verify(file, kept)
    assert against_kept.exit_code == 1
    assert "  forked: " in against_kept.stdout


def verify(file: Path, directory: Path) -> Result:
    """Verify without a node, in this process."""
    return CliRunner().invoke(app, ["audit", "verify", str(file), "--checkpoints", str(directory)])


def altered(line: str, change: Any) -> str:
    """Change a line of an export."""
    content = json.loads(line)
    change(content)
    return json.dumps(content)


async def _forget_the_log(node: Announcement) -> None:
    """Take the log away and let the sealer, which holds the key, seal another: one with a row edited."""
    admin: Any = await asyncpg.connect(host=node.sockets, user="postgres", database="gateway")
    await admin.execute(
        "BEGIN; LOCK audit_unsealed; TRUNCATE audit_leaves, audit_nodes, audit_openings, audit_checkpoints;"
        " UPDATE audit SET subject = 'nobody' WHERE sequence = (SELECT min(sequence) FROM audit);"
        " INSERT INTO audit_unsealed (sequence, at) SELECT sequence, at FROM audit ON CONFLICT DO NOTHING; COMMIT"
    )
    await admin.close()


def _tree_size(place: Place, node: Announcement) -> int:
    token = scv(place, "token", "--org", "lbhf", "--subject", "igor", "--role", "ig-lead").stdout.strip()
    answer = httpx.get(f"{node.url}/v1/audit/checkpoints?limit=1", headers={"Authorization": f"Bearer {token}"})
    items = answer.json()["items"]
    return int(items[0]["tree_size"]) if items else 0
