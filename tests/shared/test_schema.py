"""Old code beside new: on which schemas a service serves while a newer release migrates the database under it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db import Database, Transaction
from shared.migrate import migrate, provision, require_head
from single_node.postgres import Server
from tests.conftest import url

DATABASE = "side_by_side"
ENV = "from sqlalchemy import MetaData\nfrom shared.migrate import run_in_env\nrun_in_env(MetaData())\n"
MAKE = (
    "CREATE TABLE things (id int, old text)",
    "GRANT SELECT, INSERT ON things TO side_by_side_app",
    "GRANT SELECT ON alembic_version TO side_by_side_app",
)
EXPAND = ("ALTER TABLE things ADD COLUMN new text",)
CONTRACT = ("ALTER TABLE things DROP COLUMN old",)
FAIL = ("ALTER TABLE things ADD COLUMN newer text", "SELECT 1 / 0")


@pytest.fixture
async def empty(server: Server) -> Server:
    """The server with a database that nothing has migrated."""
    await provision(server.admin_dsn, service=DATABASE)
    async with connected(server, "owner") as tx:
        await tx.execute(text("DROP TABLE IF EXISTS things, alembic_version"))
    return server


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where releases of a service lie."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@asynccontextmanager
async def connected(server: Server, role: str) -> AsyncIterator[Transaction]:
    database = Database(url(server, DATABASE, role), pool_size=1, name="tests")
    try:
        async with database.transaction() as tx:
            yield tx
    finally:
        await database.close()


def release(releases: Path, name: str, *migrations: tuple[tuple[str, ...], str | None]) -> str:
    """Write a release: the statements of each of its migrations, and the oldest revision that it says it serves."""
    folder = releases / name / "migrations"
    (folder / "versions").mkdir(parents=True)
    (releases / name / "__init__.py").touch()
    (folder / "env.py").write_text(ENV)
    for number, (statements, serves_from) in enumerate(migrations, 1):
        before = None if number == 1 else f"{number - 1:04}"
        lines = ["from alembic import op", f"revision = '{number:04}'", f"down_revision = {before!r}"]
        lines += [] if serves_from is None else [f"serves_from = {serves_from!r}"]
        lines += ["def upgrade() -> None:", *(f"    op.execute({one!r})" for one in statements)]
        (folder / "versions" / f"{number:04}.py").write_text("\n".join(lines))
    return name


async def is_ready(server: Server, package: str) -> bool:
    async with connected(server, "app") as tx:
        try:
            await require_head(tx, package)
        except RuntimeError:
            return False
    return True


async def test_old_code_serves_on_beside_new_on_a_schema_that_was_only_added_to(empty: Server, releases: Path) -> None:
    old = release(releases, "beside_1", (MAKE, None))
    new = release(releases, "beside_2", (MAKE, None), (EXPAND, "0001"))
    await migrate(old, url(empty, DATABASE, "owner"))
    assert (await is_ready(empty, old), await is_ready(empty, new)) == (True, False)

    await migrate(new, url(empty, DATABASE, "owner"))

    assert (await is_ready(empty, old), await is_ready(empty, new)) == (True, True)
    async with connected(empty, "app") as tx:
        await tx.execute(text("INSERT INTO things (id, old) VALUES (1, 'as before')"))


async def test_a_migration_that_says_nothing_serves_no_older_code(empty: Server, releases: Path) -> None:
    old = release(releases, "silent_1", (MAKE, None))
    new = release(releases, "silent_2", (MAKE, None), (EXPAND, None))
    await migrate(new, url(empty, DATABASE, "owner"))

    assert (await is_ready(empty, old), await is_ready(empty, new)) == (False, True)


async def test_code_is_served_only_as_far_back_as_every_migration_since_reaches(empty: Server, releases: Path) -> None:
    first = release(releases, "far_1", (MAKE, None))
    second = release(releases, "far_2", (MAKE, None), (EXPAND, "0001"))
    third = release(releases, "far_3", (MAKE, None), (EXPAND, "0001"), (CONTRACT, "0002"))
    await migrate(third, url(empty, DATABASE, "owner"))

    assert [await is_ready(empty, one) for one in (first, second, third)] == [False, True, True]


async def test_an_older_release_migrating_late_changes_nothing(empty: Server, releases: Path) -> None:
    old = release(releases, "late_1", (MAKE, None))
    new = release(releases, "late_2", (MAKE, None), (EXPAND, "0001"))
    await migrate(new, url(empty, DATABASE, "owner"))

    await migrate(old, url(empty, DATABASE, "owner"))

    assert (await is_ready(empty, old), await is_ready(empty, new)) == (True, True)


async def test_a_migration_that_fails_leaves_the_old_schema_and_what_is_told_of_it(
    empty: Server, releases: Path
) -> None:
    old = release(releases, "fails_1", (MAKE, None))
    new = release(releases, "fails_2", (MAKE, None), (FAIL, "0001"))
    await migrate(old, url(empty, DATABASE, "owner"))

    with pytest.raises(DBAPIError):
        await migrate(new, url(empty, DATABASE, "owner"))

    assert (await is_ready(empty, old), await is_ready(empty, new)) == (True, False)
