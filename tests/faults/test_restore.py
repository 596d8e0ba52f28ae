"""A platform is lost and restored into empty servers: nothing that was taken back is ever shown again."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from shared.segments import LedgerBroken
from single_node.backup import BackupTrouble
from single_node.backup.taking import make_directory
from single_node.postgres import Server
from tests.faults.restoring import Lost, a_server, asked, lose, replayed, restore, rows, shipped, shipping
from tests.gateway.residents import COLLEAGUE, EXCLUDED_WORKER, OF_WCC
from tests.gateway.whole import PARTNER, Whole, the_whole_platform

NEWCOMER = "lbhf/newcomer/caseworker,social-worker"


@pytest.fixture(scope="module")
async def lost(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    """A platform that was."""
    return await lose(tmp_path_factory.mktemp("lost"))


@pytest.fixture
async def restored(lost: Lost) -> AsyncIterator[Server]:
    """A new server with the backup in it."""
    with a_server() as server:
        await restore(lost, server)
        yield server


async def view(whole: Whole, who: str, person_id: str, purpose: str = "homelessness") -> httpx.Response:
    return await whole.call("GET", f"/v1/people/{person_id}", who, purpose)


async def test_a_restored_platform_answers_nobody_until_both_ledgers_are_replayed(lost: Lost, restored: Server) -> None:
    person = lost.residents["quilla"].person_id
    async with the_whole_platform(restored) as whole:
        refused = [
            await view(whole, COLLEAGUE, person),
            await view(whole, OF_WCC, person),
            await whole.call("POST", "/v1/people/search", OF_WCC, json=lost.residents["quilla"].search["name"]),
            await whole.call("GET", "/v1/agreements", "lbhf/ig/ig-lead", None),
            await whole.call("GET", f"/v1/referrals/{lost.residents['quilla'].referral_id}/payload", PARTNER),
            await whole.call("PUT", "/v1/organisations/lbhf", "platform/root/operator", None, json={}),
        ]
        for answer in refused:
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/restored-not-replayed")
            assert answer.headers["Retry-After"]
        assert (await whole.platform.client.get("/readyz")).status_code == 200
        metrics = (await whole.platform.client.get("/metrics")).text
        assert 'scv_upstream_duration_seconds_count{service="customer-index"} 0.0' in metrics, "no permit was used"

        await replayed(restored, "gateway", lost.ledgers)
        assert (await view(whole, NEWCOMER, person)).status_code == 503, "customer-index is closed by itself"

        await replayed(restored, "customer_index", lost.ledgers)
        assert (await view(whole, NEWCOMER, person)).status_code == 200


async def test_after_the_replay_what_was_taken_back_is_gone_and_what_was_given_is_there(
    lost: Lost, restored: Server
) -> None:
    quilla, thandeka, ludo, osric = (lost.residents[name] for name in ("quilla", "thandeka", "ludo", "osric"))
    await replayed(restored, "customer_index", lost.ledgers)
    await replayed(restored, "gateway", lost.ledgers)
    async with the_whole_platform(restored) as whole:
        await whole.settle()

        assert await asked(restored, "gateway", "SELECT epoch FROM governance") > lost.epoch
        assert (await view(whole, OF_WCC, quilla.theirs)).status_code == 200
        for resident in lost.residents.values():
            assert resident.person_id not in (await view(whole, OF_WCC, resident.theirs)).text, "suspended"
            assert (await view(whole, OF_WCC, resident.person_id)).status_code == 404
        assert (await view(whole, EXCLUDED_WORKER, thandeka.person_id)).status_code == 404
        assert (await view(whole, EXCLUDED_WORKER, quilla.person_id)).status_code == 200
        assert (await view(whole, COLLEAGUE, quilla.person_id)).status_code == 403, "ada has no role any more"
        assert (await view(whole, NEWCOMER, quilla.person_id)).status_code == 200

        sealed = "SELECT bool_and(sealed) FROM members WHERE record_id = "
        assert await asked(restored, "customer_index", f"{sealed}'{ludo.record_id}'")
        links = "SELECT count(*) FROM links WHERE '{0}' IN (first_person, second_person)"
        assert await asked(restored, "customer_index", links.format(ludo.person_id)) == 0
        for service in ("case_episodes", "referrals"):
            guarded = "SELECT (SELECT sealed FROM guarded_records WHERE record_id = '{0}')"
            assert await asked(restored, service, guarded.format(ludo.record_id)), f"{service} learnt of the seal"
        kept = "SELECT count(*) FROM protections WHERE record_id = '{0}' AND scheme = 'refuge'"
        assert await asked(restored, "customer_index", kept.format(osric.record_id)) == 1

        lifted = "SELECT count(*) FROM protections WHERE record_id = '{0}'"
        assert await asked(restored, "customer_index", lifted.format(thandeka.record_id)) == 0

        status = "SELECT status FROM agreements WHERE status = 'suspended'"
        assert await asked(restored, "referrals", status) == "suspended"
        assert await asked(restored, "customer_index", "SELECT count(*) FROM linkage_flows") == 0
        case = await whole.call("GET", f"/v1/cases/{quilla.case_id}", NEWCOMER)
        gone = await whole.call("GET", f"/v1/cases/{lost.lost_case}", NEWCOMER)
        assert (case.status_code, gone.status_code) == (200, 404), "only what came after the backup is lost"
        for service in ("case_episodes", "customer_index", "referrals"):
            assert await asked(restored, service, "SELECT count(*) FROM parked") == 0


async def test_changes_after_a_replay_are_told_in_the_numbers_that_follow(lost: Lost, restored: Server) -> None:
    await replayed(restored, "customer_index", lost.ledgers)
    await replayed(restored, "gateway", lost.ledgers)
    async with the_whole_platform(restored) as whole:
        await whole.settle()
        agreements = await whole.done("GET", "/v1/agreements", "lbhf/ig/ig-lead", None)
        (everything,) = [one for one in agreements["items"] if one["content"]["title"].startswith("Everything")]
        path = f"/v1/agreements/{everything['agreement_id']}/transitions"
        await whole.platform.move(path, "lbhf/ig/ig-lead", action="resume")
        await whole.settle()

        status = f"SELECT status FROM agreements WHERE agreement_id = '{everything['agreement_id']}'"
        assert await asked(restored, "referrals", status) == "active"
        assert await asked(restored, "customer_index", "SELECT count(*) FROM linkage_flows") == 2
        shown = await view(whole, OF_WCC, lost.residents["quilla"].theirs)
        assert shown.status_code == 200


async def test_without_the_opening_the_suspended_agreement_would_show(lost: Lost, restored: Server) -> None:
    for service in ("gateway", "customer_index"):
        await rows(restored, service, "DELETE FROM opening")
    async with the_whole_platform(restored) as whole:
        shown = await view(whole, OF_WCC, lost.residents["quilla"].person_id)

    assert shown.status_code == 200, "the control: what keeps it from showing is the opening alone"


def edit(ledger: Path) -> None:
    path = sorted(ledger.iterdir())[3]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"epoch"', b'"epocx"'))


def forge(ledger: Path) -> None:
    """Rewrite a segment with a digest that fits: the next one does not follow it any more."""
    from hashlib import sha256

    path = sorted(ledger.iterdir())[3]
    path.chmod(0o600)
    body = path.read_bytes().partition(b"\n")[2].replace(b'"epoch"', b'"epocx"')
    path.write_bytes(sha256(body).hexdigest().encode() + b"\n" + body)


def take_one_out(ledger: Path) -> None:
    sorted(ledger.iterdir())[4].unlink()


def cut_behind_the_backup(ledger: Path) -> None:
    for path in sorted(ledger.iterdir())[3:]:
        path.unlink()


def take_another(ledger: Path) -> None:
    other = ledger.parent / "customer_index"
    shutil.rmtree(ledger)
    shutil.copytree(other, ledger)


def take_none(ledger: Path) -> None:
    for path in ledger.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    "spoil", [edit, forge, take_one_out, cut_behind_the_backup, take_another, take_none], ids=lambda one: one.__name__
)
async def test_a_ledger_that_is_not_whole_or_not_its_own_opens_nothing(
    spoil: Callable[[Path], None], lost: Lost, refused: Server, tmp_path: Path
) -> None:
    ledgers = tmp_path / "ledgers"
    shutil.copytree(lost.ledgers, ledgers)
    spoil(ledgers / "gateway")

    with pytest.raises(LedgerBroken):
        await replayed(refused, "gateway", ledgers)
    async with shipping(refused, ledgers):
        await asyncio.sleep(1.5)

    assert not await asked(refused, "gateway", "SELECT is_open()")


@pytest.fixture(scope="module")
async def refused(lost: Lost) -> AsyncIterator[Server]:
    """A restored server that nothing may open."""
    with a_server() as server:
        await restore(lost, server)
        yield server


async def test_the_shipper_does_not_open_a_copy_that_lacks_what_is_off_site(
    lost: Lost, refused: Server, tmp_path: Path
) -> None:
    ledgers = tmp_path / "ledgers"
    shutil.copytree(lost.ledgers, ledgers)
    before = sorted(one.name for one in (ledgers / "gateway").iterdir())
    async with shipping(refused, ledgers):
        await asyncio.sleep(1.5)

    assert not await asked(refused, "gateway", "SELECT is_open()")
    assert sorted(one.name for one in (ledgers / "gateway").iterdir()) == before, "nor does it write to the ledger"


async def test_a_backup_is_restored_into_empty_databases_only(lost: Lost, refused: Server) -> None:
    with pytest.raises(BackupTrouble, match="not empty"):
        await restore(lost, refused)


async def test_a_backup_that_was_changed_is_refused(lost: Lost, tmp_path: Path) -> None:
    spoilt = tmp_path / "backup"
    shutil.copytree(lost.backup, spoilt)
    dump = spoilt / "gateway.dump"
    dump.write_bytes(dump.read_bytes()[:-1] + b"?")
    with a_server() as server, pytest.raises(BackupTrouble, match="not as it was written"):
        await restore(Lost(spoilt, lost.ledgers, {}, "", 0), server)


def test_a_backup_goes_into_a_new_directory_of_one_that_is_there(tmp_path: Path) -> None:
    for place, told in ((tmp_path, "exists"), (tmp_path / "none" / "new", "is not there")):
        with pytest.raises(BackupTrouble, match=told):
            make_directory(place)


def test_only_its_owner_reads_a_backup(lost: Lost) -> None:
    assert lost.backup.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o177 for path in lost.backup.iterdir()} == {0}


async def test_after_the_replay_the_ledger_goes_on_where_it_was(
    lost: Lost, restored: Server, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledgers = tmp_path / "ledgers"
    shutil.copytree(lost.ledgers, ledgers)
    begun = time.monotonic()
    for service in ("customer_index", "gateway"):
        await replayed(restored, service, ledgers)
    seconds = time.monotonic() - begun
    async with the_whole_platform(restored) as whole, shipping(restored, ledgers):
        await whole.settle()
        await whole.platform.enter("lbhf/later/caseworker")
        await shipped(restored)

    with a_server() as server:
        await restore(lost, server)
        head = await replayed(server, "gateway", ledgers)
        later = "SELECT count(*) FROM staff WHERE subject = 'later'"
        assert await asked(server, "gateway", later) == 1, "a second loss, and both histories are replayed"
    record_property("figures", f"segments {head.number}, seconds_to_replay {seconds:.2f}")
