"""A node and the commands that go with it, as somebody at a terminal meets them."""

import base64
import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from single_node.lodging import short_lived_directory
from single_node.place import Announcement, Place
from tests.single_node.nodes import afresh, await_true, running_node, scv

RECORDS = (
    {"local_id": "C1", "given_names": ["Ada"], "family_name": "Featherstone", "date_of_birth": "1980-02-29"},
    {"local_id": "C2", "given_names": ["Ben"], "family_name": "Featherstone", "date_of_birth": "1979-05-01"},
    {"local_id": "C3"},
)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A data directory for all tests here, gone with the last of them."""
    with short_lived_directory("scv-test-") as directory:
        yield Place(directory / "data")


@pytest.fixture(scope="module")
def node(place: Place) -> Iterator[Announcement]:
    """A node on that directory."""
    with running_node(place, start=afresh) as announcement:
        yield announcement


def test_a_node_answers_and_shows_its_documentation(node: Announcement) -> None:
    for path in ("/livez", "/readyz", "/docs", "/openapi.json"):
        assert httpx.get(node.url + path).status_code == 200


def test_its_secrets_are_for_their_owner_alone(node: Announcement, place: Place) -> None:
    assert stat.S_IMODE(place.root.stat().st_mode) & 0o066 == 0
    assert stat.S_IMODE(place.secrets.stat().st_mode) == 0o700
    kept = list(place.secrets.iterdir())
    assert len(kept) > 5
    for path in (*kept, place.root / "node.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_node_on_the_same_data_says_where_the_first_is(node: Announcement, place: Place) -> None:
    second = scv(place, "run", "--port", "0")
    assert second.returncode == 1
    assert node.url in second.stderr
    assert f"kill {node.pid}" in second.stderr


def test_a_port_in_use_is_named(node: Announcement) -> None:
    with short_lived_directory("scv-test-") as directory:
        other = scv(Place(directory / "data"), "run", "--port", node.url.rpartition(":")[2])
    assert other.returncode == 1
    assert "PORT=" in other.stderr


def test_the_organisations_and_sources_are_there(node: Announcement, place: Place) -> None:
    admin = _bearer(place, org="lbhf", subject="ann", role="admin")
    organisations = httpx.get(f"{node.url}/v1/organisations", headers=admin).json()["items"]
    kinds = {one["org"]: one["kind"] for one in organisations}
    assert kinds == {
        "lbhf": "borough",
        "rbkc": "borough",
        "wcc": "borough",
        "shelter-west": "partner",
        "platform": "operator",
    }
    areas = {}
    for source in ("crm", "council-tax", "housing", "benefits", "adult-social-care"):
        answer = httpx.get(f"{node.url}/v1/organisations/lbhf/sources/{source}", headers=admin)
        areas[source] = answer.json()["service_area"]
    assert areas == {source: source for source in areas} | {"crm": "customer-services"}


def test_a_token_is_all_that_is_printed(node: Announcement, place: Place) -> None:
    asked = ("token", "--org", "lbhf", "--subject", "alice", "--role", "caseworker")
    printed = scv(place, *asked, start=afresh).stdout
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in printed.split(".")[:2])
    assert printed.count("\n") == 1
    assert (header["alg"], header["typ"]) == ("Ed25519", "at+jwt")
    assert (claims["sub"], claims["roles"], claims["exp"] - claims["iat"]) == ("alice", ["caseworker"], 12 * 3600)


def test_an_unknown_subject_is_entered_without_training(node: Announcement, place: Place) -> None:
    _bearer(place, org="wcc", subject="newcomer", role="frontline")
    admin = _bearer(place, org="wcc", subject="ann", role="admin")
    entry = httpx.get(f"{node.url}/v1/organisations/wcc/staff/newcomer", headers=admin)
    assert (entry.json()["roles"], entry.json()["training"], entry.json()["commitments"]) == (["frontline"], [], [])
    assert entry.headers["etag"]


def test_a_known_subject_keeps_its_entry_and_the_caller_is_warned(node: Announcement, place: Place) -> None:
    _bearer(place, org="wcc", subject="kim", role="frontline")
    again = scv(place, "token", "--org", "wcc", "--subject", "kim", "--role", "steward")
    assert again.returncode == 0
    assert "steward" in again.stderr
    admin = _bearer(place, org="wcc", subject="ann", role="admin")
    assert httpx.get(f"{node.url}/v1/organisations/wcc/staff/kim", headers=admin).json()["roles"] == ["frontline"]


def test_an_organisation_that_is_not_there_is_named_with_those_that_are(node: Announcement, place: Place) -> None:
    refused = scv(place, "token", "--org", "hackney", "--subject", "alice", "--role", "caseworker")
    assert refused.returncode == 1
    assert "hackney" in refused.stderr
    assert "lbhf" in refused.stderr


def test_without_a_node_the_commands_say_so() -> None:
    with short_lived_directory("scv-test-") as directory:
        refused = scv(Place(directory), "token", "--org", "lbhf", "--subject", "alice", "--role", "caseworker")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "make run" in refused.stderr


def test_synthetic_extracts_come_with_the_commands_that_use_them(tmp_path: Path) -> None:
    with short_lived_directory("scv-test-") as directory:
        written = scv(Place(directory), "extracts", str(tmp_path / "made"), "--residents", "60")
    assert written.returncode == 0
    assert (tmp_path / "made" / "lbhf-crm.ndjson").exists()
    assert f"load --org lbhf --source crm {tmp_path}/made/lbhf-crm.ndjson" in written.stdout
    assert "/v1/people/search" in written.stdout


def test_synthetic_extracts_in_csv_are_loaded_like_others(node: Announcement, place: Place, tmp_path: Path) -> None:
    written = scv(place, "extracts", str(tmp_path), "--residents", "60", "--csv")
    assert f"load --org lbhf --source crm {tmp_path}/lbhf-crm.csv" in written.stdout
    assert '"date_of_birth"' in written.stdout
    loaded = scv(place, "load", "--org", "rbkc", "--source", "housing", str(tmp_path / "rbkc-housing.csv"))
    assert loaded.returncode == 0, loaded.stderr
    assert " 0 rejected" in loaded.stderr
    assert " 0 created" not in loaded.stderr


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = scv(Place(tmp_path / "file" / "data"), "run", "--port", "0")
    assert refused.returncode == 1
    assert "SCV_DATA" in refused.stderr


def test_an_extract_is_loaded_and_a_line_that_is_refused_is_named(
    node: Announcement, place: Place, tmp_path: Path
) -> None:
    loaded = scv(place, "load", "--org", "lbhf", "--source", "crm", str(_extract(tmp_path)), start=afresh)
    assert loaded.returncode == 0, loaded.stderr
    assert "2 created" in loaded.stderr
    assert "1 rejected" in loaded.stderr
    assert "line 3 rejected" in loaded.stderr
    assert "Featherstone" not in loaded.stdout + loaded.stderr


def test_an_extract_for_no_source_is_refused_with_the_reason(node: Announcement, place: Place, tmp_path: Path) -> None:
    refused = scv(place, "load", "--org", "lbhf", "--source", "parking", str(_extract(tmp_path)), start=afresh)
    assert refused.returncode == 1
    assert "404" in refused.stderr


def test_data_outlast_a_stop_and_a_killed_node(tmp_path: Path) -> None:
    with short_lived_directory("scv-test-") as directory:
        place = Place(directory / "data")
        with running_node(place) as first:
            assert scv(place, "load", "--org", "rbkc", "--source", "crm", str(_extract(tmp_path))).returncode == 0
            os.kill(first.pid, signal.SIGKILL)
            await_true(lambda: not _is_alive(first.pid))
        with running_node(place):
            assert _read(place, "C1")["family_name"] == "Featherstone"
        with running_node(place) as third:
            assert _read(place, "C2")["family_name"] == "Featherstone"
        assert not _is_alive(third.pid)
        assert not (place.root / "node.json").exists()


def _bearer(place: Place, *, org: str, subject: str, role: str) -> dict[str, str]:
    printed = scv(place, "token", "--org", org, "--subject", subject, "--role", role)
    assert printed.returncode == 0, printed.stderr
    return {"Authorization": f"Bearer {printed.stdout.strip()}"}


def _read(place: Place, local_id: str) -> dict[str, Any]:
    found = place.announcement()
    assert found is not None
    headers = {**_bearer(place, org="rbkc", subject="crm", role="system"), "SCV-Purpose": "data-stewardship"}
    answer = httpx.get(f"{found.url}/v1/sources/crm/records/{local_id}", headers=headers)
    record: dict[str, Any] = answer.json()
    return record


def _extract(directory: Path) -> Path:
    path = directory / "extract.ndjson"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in RECORDS))
    return path


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended but was not asked for its result is as good as gone.
    stat_file = Path(f"/proc/{pid}/stat")
    return not (stat_file.exists() and ") Z " in stat_file.read_text())
