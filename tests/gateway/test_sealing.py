"""Sealing on a real database: every audit row becomes one leaf, whatever happens meanwhile, and proofs hold."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.audit import Entry, Outcome, Shown, append
from gateway.call import Call
from gateway.checkpoint import Signer
from gateway.inspection import LoggedLeaf, inspect
from gateway.jobs import seal_audit
from gateway.merkle import consistency_ranges, inclusion_ranges, is_continued, is_included
from gateway.organisation import OrganisationKind
from gateway.queries.sealing import hashes_of, list_checkpoints, list_keys, list_leaves, seal_age
from gateway.sealing import AnotherSealer, LogDamaged, seal_batch
from gateway.standing import Caller, Standing
from shared.categories import Role, Scope
from shared.db import Database, Transaction
from single_node.postgres import Server
from tests.builders import AT
from tests.conftest import url
from tests.gateway.conftest import as_superuser
from tests.gateway.logs import KEYS, SIGNER

SHOWN = Shown(persons={uuid4(): "lbhf"}, records=["lbhf/0c4a@2"], scopes={Scope("lbhf/housing"): ["existence"]})


class Rules:
    """As much of the rules as an audit row names."""

    policy = "9f2c"
    epoch = 1


def a_call(*, org: str = "wcc", subject: str = "will") -> Call:
    """Make a call that is to be recorded."""
    standing = Standing(roles=frozenset({Role.CASEWORKER}), training={}, commitments={})
    caller = Caller(
        org=org,
        org_kind=OrganisationKind.BOROUGH,
        subject=subject,
        roles=frozenset({Role.CASEWORKER}),
        standing=standing,
    )
    snapshot: Any = Rules()
    return Call(txn=uuid4(), at=AT, caller=caller, snapshot=snapshot, method="GET", route="/v1/people/{person_id}")


@pytest.fixture
async def app(founded: Server) -> AsyncIterator[Database]:
    """The gateway's database as the application."""
    database = Database(url(founded, "gateway", "app"), pool_size=8, name="tests")
    yield database
    await database.close()


@pytest.fixture
async def worker(founded: Server) -> AsyncIterator[Database]:
    """The gateway's database as the worker."""
    database = Database(url(founded, "gateway", "worker"), pool_size=4, name="tests worker")
    yield database
    await database.close()


async def record(app: Database, count: int, *, org: str = "wcc", shown: Shown = SHOWN) -> None:
    """Record calls, each in its own transaction."""
    for _ in range(count):
        async with app.transaction() as tx:
            await append(tx, a_call(org=org), Entry(outcome=Outcome.ALLOWED, status=200, shown=shown), as_of=None)


async def seal(worker: Database, *, limit: int = 1000) -> int:
    """Seal one batch."""
    async with worker.transaction() as tx:
        return await seal_batch(tx, SIGNER, at=AT, limit=limit)


async def exported(app: Database, *, org: str = "wcc") -> list[LoggedLeaf]:
    """Export the whole log as an organisation."""
    async with app.transaction({"scv.org": org}) as tx:
        return await list_leaves(tx, org=org, start=0, limit=100_000)


async def assert_whole(app: Database, server: Server, *, rows: int) -> None:
    """See that each audit row is one leaf, and that log and checkpoints are as they should be."""
    [counted] = await as_superuser(
        server,
        "SELECT count(*) AS rows, count(leaf_index) AS leaves, count(DISTINCT leaf_index) AS places,"
        " (SELECT count(*) FROM audit_leaves) AS all_leaves, (SELECT count(*) FROM audit_unsealed) AS waiting"
        " FROM audit LEFT JOIN audit_leaves USING (sequence)",
    )
    assert tuple(counted) == (rows, rows, rows, rows, 0)
    async with app.transaction() as tx:
        checkpoints = await list_checkpoints(tx, after=0, before=None, limit=10_000)
        keys = {key["kid"]: key for key in await list_keys(tx)}
    inspection = inspect(await exported(app), checkpoints, keys=keys)
    assert inspection.whole, inspection.findings
    assert inspection.leaves == inspection.opened == inspection.vouched_for == rows
    assert keys == KEYS


async def test_calls_recorded_while_sealing_goes_on_each_become_one_leaf(
    app: Database, worker: Database, founded: Server
) -> None:
    async def write() -> None:
        for _ in range(63):
            # Some transactions take a number long before they commit, and so commit out of their turn.
            async with app.transaction() as tx:
                await append(tx, a_call(), Entry(outcome=Outcome.ALLOWED, shown=SHOWN), as_of=None)
                if random.random() < 0.2:  # noqa: S311  chance, not cryptography
                    await asyncio.sleep(0.01)

    async def seal_meanwhile() -> None:
        while True:
            await seal(worker, limit=37)
            await asyncio.sleep(0.002)

    sealer = asyncio.create_task(seal_meanwhile())
    await asyncio.gather(*(write() for _ in range(16)))
    sealer.cancel()
    with suppress(asyncio.CancelledError):
        await sealer
    while await seal(worker):
        pass

    await assert_whole(app, founded, rows=16 * 63)


async def test_a_call_that_commits_after_a_later_one_was_sealed_is_not_passed_over(
    app: Database, worker: Database, founded: Server
) -> None:
    async with app.transaction() as late:
        await append(late, a_call(subject="late"), Entry(outcome=Outcome.ALLOWED, shown=SHOWN), as_of=None)
        await record(app, 1)
        assert await seal(worker) == 1
    assert await seal(worker) == 1

    rows = [leaf.row for leaf in await exported(app) if leaf.row is not None]
    assert [row["subject"] for row in rows] == ["will", "late"]
    assert rows[0]["sequence"] > rows[1]["sequence"]
    await assert_whole(app, founded, rows=2)


async def test_a_call_that_was_rolled_back_is_no_leaf(app: Database, worker: Database, founded: Server) -> None:
    with suppress(ZeroDivisionError):
        async with app.transaction() as tx:
            await append(tx, a_call(), Entry(outcome=Outcome.ALLOWED), as_of=None)
            raise ZeroDivisionError
    await record(app, 2)
    await seal(worker)

    await assert_whole(app, founded, rows=2)


async def test_a_sealer_killed_in_the_middle_of_a_batch_leaves_nothing_behind(
    app: Database, worker: Database, founded: Server
) -> None:
    await record(app, 5)

    with suppress(DBAPIError):
        async with worker.transaction() as tx:
            await seal_batch(tx, SIGNER, at=AT)
            own = (await tx.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await as_superuser(founded, f"SELECT pg_terminate_backend({own})")
    [left] = await as_superuser(founded, "SELECT count(*) FROM audit_leaves")
    await seal(worker)

    assert left[0] == 0
    await assert_whole(app, founded, rows=5)


async def test_two_sealers_at_once_do_no_harm(app: Database, worker: Database, founded: Server) -> None:
    await record(app, 20)

    async with worker.transaction() as first:
        assert await seal_batch(first, SIGNER, at=AT, limit=10) == 10
        second = asyncio.create_task(seal(worker, limit=15))
        await asyncio.sleep(0.2)
        assert not second.done(), "it waits for the rows that the first is sealing"
    with pytest.raises((AnotherSealer, IntegrityError)):
        await second
    assert await seal(worker) == 10

    await assert_whole(app, founded, rows=20)


async def test_of_several_sealers_one_is_on_duty_and_another_takes_over(
    app: Database, worker: Database, founded: Server
) -> None:
    def sealer() -> "asyncio.Task[None]":
        return asyncio.create_task(seal_audit(worker, SIGNER, clock=lambda: AT))

    async def wait_until_sealed() -> None:
        while await as_superuser(founded, "SELECT 1 FROM audit_unsealed LIMIT 1"):  # noqa: ASYNC110  it is a database
            await asyncio.sleep(0.05)

    first, second = sealer(), sealer()
    await record(app, 30)
    await asyncio.wait_for(wait_until_sealed(), 10)
    first.cancel()
    await record(app, 30)
    await asyncio.wait_for(wait_until_sealed(), 10)
    second.cancel()
    for task in (first, second):
        with suppress(asyncio.CancelledError):
            await task

    await assert_whole(app, founded, rows=60)


async def test_proofs_hold_for_any_leaf_and_any_two_sizes(app: Database, worker: Database) -> None:
    await record(app, 101)
    while await seal(worker, limit=random.randint(1, 30)):  # noqa: S311  chance, not cryptography
        pass
    leaves = await exported(app)
    async with app.transaction() as tx:
        checkpoints = await list_checkpoints(tx, after=0, before=None, limit=1000)
        for checkpoint in checkpoints:
            for index in {0, checkpoint.tree_size - 1, random.randrange(checkpoint.tree_size)}:  # noqa: S311  the same
                path = await hashes_of(tx, inclusion_ranges(index, size=checkpoint.tree_size))
                assert is_included(
                    leaves[index].leaf_hash,
                    index=index,
                    size=checkpoint.tree_size,
                    path=path,
                    root=checkpoint.root_hash,
                )
            for other in checkpoints:
                if other.tree_size <= checkpoint.tree_size:
                    path = await hashes_of(tx, consistency_ranges(other.tree_size, checkpoint.tree_size))
                    assert is_continued(
                        other.tree_size,
                        checkpoint.tree_size,
                        first_root=other.root_hash,
                        second_root=checkpoint.root_hash,
                        path=path,
                    )
    assert len(checkpoints) > 3


async def test_an_organisation_reads_and_opens_its_own_part_and_no_more(app: Database, worker: Database) -> None:
    shown_of_both = Shown(
        persons={uuid4(): "lbhf", uuid4(): "rbkc"},
        records=["lbhf/0c4a@2", "rbkc/9a@1"],
        scopes={Scope("lbhf/housing"): ["existence"], Scope("rbkc/housing"): ["existence"]},
    )
    await record(app, 1, shown=shown_of_both)
    await record(app, 1, org="rbkc", shown=Shown())
    await seal(worker)

    [first_own, second_own] = await exported(app, org="wcc")
    [first_owner, second_owner] = await exported(app, org="lbhf")

    assert first_own.row is not None
    assert first_own.row["owners"] == ["lbhf", "rbkc"]
    assert first_owner.row is not None
    assert (first_owner.row["owners"], first_owner.row["records"]) == (["lbhf"], ["lbhf/0c4a@2"])
    assert first_own.leaf_hash == first_owner.leaf_hash
    assert [one.row or one.opening for one in (second_own, second_owner)] == [None, None]
    async with app.transaction({"scv.org": "lbhf"}) as tx:
        readers = (await tx.execute(text("SELECT DISTINCT reader FROM audit_openings"))).scalars().all()
    assert readers == ["lbhf"]


async def test_neither_role_can_change_what_is_sealed_and_the_worker_reads_only_what_waits(
    app: Database, worker: Database
) -> None:
    await record(app, 3)
    await seal(worker, limit=2)

    for table in ("audit", "audit_leaves", "audit_nodes", "audit_openings", "audit_keys", "audit_checkpoints"):
        for role in (app, worker):
            for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(Exception, match="permission denied"):
                    await run(role, statement)
            assert not await run(role, f"SELECT has_any_column_privilege('{table}', 'UPDATE')")
    for table in ("audit_leaves", "audit_nodes", "audit_openings", "audit_keys", "audit_checkpoints"):
        assert not await privileged(app, table, "INSERT")
    assert not await privileged(app, "audit_unsealed", "SELECT, UPDATE, DELETE")
    assert not await privileged(worker, "audit_openings", "SELECT")
    assert await run(worker, "SELECT count(*) FROM audit") == 1, "of three rows two are sealed"
    assert await run(app, "SELECT count(*) FROM audit_openings") == 0, "out of context"


async def privileged(database: Database, table: str, privileges: str) -> bool:
    """Tell whether a role has any of some privileges on a table."""
    return bool(await run(database, f"SELECT has_table_privilege('{table}', '{privileges}')"))


async def run(database: Database, statement: str) -> Any:
    """Run SQL as a role, out of any organisation's context."""
    async with database.transaction() as tx:
        result = await tx.execute(text(statement))
        return result.scalar_one() if result.returns_rows else None


async def test_nothing_is_sealed_onto_a_log_that_was_tampered_with(
    app: Database, worker: Database, founded: Server
) -> None:
    await record(app, 5)
    await seal(worker)
    await as_superuser(founded, "UPDATE audit_nodes SET hash = sha256('x') WHERE level = 2")
    await record(app, 1)

    with pytest.raises(LogDamaged):
        await seal(worker)
    await as_superuser(founded, "DELETE FROM audit_nodes")
    with pytest.raises(LogDamaged):
        await seal(worker)


async def test_what_was_done_to_the_database_shows_in_the_next_export(
    app: Database, worker: Database, founded: Server
) -> None:
    await record(app, 6)
    await seal(worker)
    async with app.transaction() as tx:
        kept = await list_checkpoints(tx, after=0, before=None, limit=1)
    await as_superuser(
        founded, "UPDATE audit SET subject = 'nobody' WHERE sequence = (SELECT min(sequence) FROM audit)"
    )
    [edited] = inspect(await exported(app), kept, keys=KEYS).findings
    assert (edited.fault, edited.where.partition(" (")[0]) == ("edited", "leaf 0")

    await as_superuser(founded, "DELETE FROM audit_openings WHERE leaf_index >= 4")
    await as_superuser(founded, "DELETE FROM audit_leaves WHERE leaf_index >= 4")
    assert "truncated" in {one.fault for one in inspect(await exported(app), kept, keys=KEYS).findings}


async def test_a_new_key_signs_what_follows_and_the_old_one_still_vouches(
    app: Database, worker: Database, founded: Server
) -> None:
    another = Signer(OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True), origin=SIGNER.origin)
    await record(app, 3)
    await seal(worker)
    await record(app, 3)
    async with worker.transaction() as tx:
        await seal_batch(tx, another, at=AT + timedelta(hours=1))

    async with app.transaction() as tx:
        checkpoints = await list_checkpoints(tx, after=0, before=None, limit=10)
        keys = {key["kid"]: key for key in await list_keys(tx)}
    assert set(keys) == {SIGNER.key_id, another.key_id}
    assert inspect(await exported(app), checkpoints, keys=keys).whole


async def test_the_age_of_the_seal_is_how_long_the_oldest_row_waits(app: Database, worker: Database) -> None:
    async def age(tx: Transaction) -> float:
        return await seal_age(tx, at=AT + timedelta(seconds=40))

    async with worker.transaction() as tx:
        assert await age(tx) == 0
    await record(app, 2)
    async with worker.transaction() as tx:
        assert await age(tx) == 40
    await seal(worker)
    async with worker.transaction() as tx:
        assert await age(tx) == 0
