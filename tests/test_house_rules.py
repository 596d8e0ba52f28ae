"""The rules of this house, as tests: what a new route, table, event, problem or module has to be."""

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

import customer_index.ledgered
import gateway.ledgered
from shared.events import EVENTS
from shared.migrate import check, socket_url
from shared.web import OPEN_ROUTES
from single_node.postgres import Server
from tests.conftest import SERVICES, url
from tests.documents import ROOT, applications, documents, problem_classes

CODE = sorted(
    path
    for top in ("shared", "services", "deploy")
    for path in (ROOT / top).rglob("*.py")
    if not {"build", "node_modules"} & set(path.parts)
)
MOST_LINES = 300
MAY_COMMIT = {
    "shared/shared/db.py",
    "shared/shared/migrate.py",
    "shared/shared/kafka_consumer.py",  # offsets, after the database
    "deploy/single-node/single_node/backup/positions.py",  # positions in Kafka
}
OPEN_TABLES = {
    "alembic_version": "the number of the schema",
    "opening": "for which server the database is open, and how far its ledger is off-site",
    "customer_index.sources": "the register of source systems names systems, not people",
    "customer_index.linkage_flows": "clauses of agreements",
    "customer_index.inbox": "ids and versions of governance objects",
    "referrals.agreements": "where agreements stand",
    "referrals.inbox": "ids and versions of aggregates",
    "referrals.parked": "events, which carry ids and states only",
    "referrals.partner_sequences": "one number for each partner",
    "gateway.organisations": "organisations are not people",
    "gateway.sources": "systems are not people",
    "gateway.identity_providers": "issuers and public keys",
    "gateway.agreements": "agreements between organisations; who signs is in signatures",
    "gateway.governance": "one number",
}
"""Tables without row-level security, each with the reason why it holds no personal data."""
OUTSIDE_THE_LEDGER = {
    "alembic_version": "the number of the schema",
    "ledger": "the ledger itself",
    "opening": "says for which server the rest is open",
    "gateway.audit": "a record, which gives nobody a right",
    "gateway.audit_persons": "finds rows of the audit",
    "gateway.audit_unsealed": "the log",
    "gateway.audit_leaves": "the log",
    "gateway.audit_nodes": "the log",
    "gateway.audit_openings": "the log",
    "gateway.audit_keys": "the log",
    "gateway.audit_checkpoints": "the log",
    "gateway.emergency_accesses": "a record of what was opened; the agreement opens it",
    "gateway.idempotency": "stored replies, which are decided again before they leave",
    "customer_index.sources": "a copy of the gateway's, kept by events",
    "customer_index.linkage_flows": "a copy of the gateway's, kept by events",
    "customer_index.records": "data; to be taken in by erasure, when that comes",
    "customer_index.persons": "data",
    "customer_index.members": "data; what protects them follows from protections",
    "customer_index.block_keys": "data",
    "customer_index.links": "data; shown only while the permit names the pair",
    "customer_index.reviews": "data",
    "customer_index.stewardship": "data",
    "customer_index.decisions": "data",
    "customer_index.loads": "work",
    "customer_index.load_chunks": "work",
    "customer_index.load_rejects": "work",
    "customer_index.link_queue": "work",
    "customer_index.outbox": "events, which follow from the data",
    "customer_index.inbox": "events",
    "customer_index.parked": "events",
}
"""Tables whose changes are not in the ledger, each with the reason why no right comes back with it."""
OPEN_DIRECTORY = {
    "/v1/services",
    "/v1/services/{service_id}",
    "/v1/service_at_locations",
    "/v1/taxonomies",
    "/v1/taxonomy_terms",
}
"""The directory of services names organisations and what they offer, never people."""
OPEN_GATEWAY_ROUTES = {"/docs", "/docs/oauth2-redirect", "/openapi.json", "/v1/asyncapi.json"} | OPEN_DIRECTORY


def tracked() -> list[Path]:
    """List the files of the project, as far as they are text of ours."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_at_most_three_hundred_lines_and_says_what_is_in_it(path: Path) -> None:
    source = path.read_text("utf-8")

    assert len(source.splitlines()) <= MOST_LINES, "split it by noun"
    if source.strip():
        assert ast.get_docstring(ast.parse(source)), "a module opens with what is in this room and what is not"


def test_only_the_transaction_boundary_commits() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in CODE
        if re.search(r"\.commit\(|\.begin\(\)|\.begin_nested\(", path.read_text("utf-8"))
    }

    assert found <= MAY_COMMIT


def routes_of(app: Any) -> list[Any]:
    """List the routes of an application, those of its routers included."""
    found = list(iter_route_contexts(app.routes))
    assert len(found) > len(OPEN_ROUTES), "the routers were not looked into"
    return found


def doors_of(route: Any) -> list[Any]:
    """List the guards a call passes before it reaches a route: what they admit."""

    def all_of(dependant: Any) -> Any:
        yield dependant.call
        for inner in dependant.dependencies:
            yield from all_of(inner)

    return [call for call in all_of(route.dependant) if hasattr(call, "actions") or hasattr(call, "roles")]


def test_every_route_has_a_door_or_is_on_the_open_list() -> None:
    for name, app in applications().items():
        beside = {"gateway": OPEN_GATEWAY_ROUTES, "referrals": OPEN_DIRECTORY}
        open_routes = OPEN_ROUTES | beside.get(name, set())
        for route in routes_of(app):
            if route.path not in open_routes:
                assert doors_of(route), f"{name} {route.methods} {route.path} is open to anyone"


def test_every_route_says_what_it_answers() -> None:
    for name, app in applications().items():
        for route in routes_of(app):
            if route.path not in OPEN_ROUTES | OPEN_GATEWAY_ROUTES and route.include_in_schema:
                answers = route.response_model is not None or route.status_code == 204
                assert answers, f"{name} {route.path} has no response model"


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrations_make_the_tables_that_are_declared(service: str, migrated: Server) -> None:
    await check(service, url(migrated, service, "owner"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_one_migration_head(service: str) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", f"{service}:migrations")
    config.set_main_option("path_separator", "os")

    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_has_forced_row_level_security_or_a_reason(service: str, migrated: Server) -> None:
    engine = create_async_engine(socket_url(str(migrated.sockets), database=service, role="postgres"))
    async with engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT relname, relrowsecurity AND relforcerowsecurity AS closed FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            )
        )
        tables = {row.relname: row.closed for row in rows}
    await engine.dispose()

    for table, closed in tables.items():
        reason = OPEN_TABLES.get(table) or OPEN_TABLES.get(f"{service}.{table}")
        assert closed or reason, f"{service}.{table} is open"


@pytest.mark.parametrize("service", ["customer_index", "gateway"])
async def test_every_table_that_gives_a_right_is_in_the_ledger(service: str, migrated: Server) -> None:
    declared = {"customer_index": customer_index.ledgered, "gateway": gateway.ledgered}[service].LEDGERED
    engine = create_async_engine(socket_url(str(migrated.sockets), database=service, role="postgres"))
    async with engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT relname, tgenabled = 'O' AND tgtype & 29 = 29 AS noted,"
                " string_to_array(encode(tgargs, 'escape'), '\\000') AS told FROM pg_class"
                " LEFT JOIN pg_trigger ON tgrelid = pg_class.oid AND tgname = 'note_in_ledger'"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            )
        )
        tables = {row.relname: row for row in rows}
    await engine.dispose()

    noted = {name for name, row in tables.items() if row.noted}
    for table in tables.keys() - noted:
        assert OUTSIDE_THE_LEDGER.get(table) or OUTSIDE_THE_LEDGER.get(f"{service}.{table}"), f"{table} is not noted"
    assert noted == {one.table.name for one in declared}, "what is noted is what a replay knows"
    for one in declared:
        key, omitted, *_ = tables[one.table.name].told
        assert set(key.strip("{}").split(",")) == {column.name for column in one.table.primary_key}
        assert [name for name in omitted.strip("{}").split(",") if name] == list(one.omitted)


@pytest.mark.parametrize("service", SERVICES)
async def test_no_view_and_no_function_goes_around_row_level_security(service: str, migrated: Server) -> None:
    engine = create_async_engine(socket_url(str(migrated.sockets), database=service, role="postgres"))
    async with engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')"
                " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
            )
        )
        found = [row.relname for row in rows]
        roles = await connection.execute(
            text(f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{service}%' AND (rolsuper OR rolbypassrls)")
        )
        privileged = [row.rolname for row in roles]
    await engine.dispose()

    assert found == []
    assert privileged == []


def test_every_event_ever_published_still_parses() -> None:
    golden = ROOT / "tests" / "golden" / "events"
    samples = {path.stem for path in golden.glob("*.json")}

    assert samples == set(EVENTS), "every published event has one golden sample"
    for path in golden.glob("*.json"):
        data = json.loads(path.read_text("utf-8"))
        assert EVENTS[path.stem].model_validate(data).model_dump(mode="json") == data
    for path in golden.glob("earlier/*.json"):  # as they were before fields were added
        data = json.loads(path.read_text("utf-8"))
        assert data.items() <= EVENTS[path.stem].model_validate(data).model_dump(mode="json").items()


def test_the_documents_that_follow_from_the_code_are_current() -> None:
    for path, content in documents().items():
        assert path.exists(), f"{path.name} is missing: make docs"
        assert path.read_text("utf-8") == content, f"{path.name} is out of date: make docs"


def test_a_problem_says_what_is_wrong_and_what_to_do() -> None:
    for problem in problem_classes():
        assert problem.__doc__, problem
        if not problem.__module__.startswith("shared"):
            assert len((problem.__doc__ or "").strip().splitlines()) > 1, f"{problem.__name__} does not say what to do"


def test_every_package_is_typed() -> None:
    for package in (
        "shared/shared",
        "services/case-episodes/case_episodes",
        "services/customer-index/customer_index",
        "services/gateway/gateway",
        "services/referrals/referrals",
    ):
        assert (ROOT / package / "py.typed").exists()


def test_no_file_names_a_registry_or_an_index_or_a_machine() -> None:
    forbidden = re.compile(
        r"--(?:extra-)?index-url|pypi\.(?:org|python)|pythonhosted|registry\.npmjs|repo1?\.maven|/work/|proxy\.golang"
    )
    for path in tracked():
        if path != Path(__file__) and path.suffix in {
            ".py",
            ".toml",
            ".lock",
            ".md",
            ".txt",
            ".yml",
            ".yaml",
            ".json",
            "",
        }:
            found = forbidden.search(path.read_text("utf-8", errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)}: {found and found.group()}"


def test_nothing_is_left_unfinished_and_no_test_is_faked() -> None:
    unfinished = re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b|NotImplementedError|mock\.patch|monkeypatch\.setattr")
    for path in tracked():
        if path.suffix == ".py" and path != Path(__file__):
            found = unfinished.search(path.read_text("utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: {found and found.group()}"


def test_the_lock_is_hashed_and_pins_everything() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE)

    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)
    assert not re.search(r"^(?:-e|[^#\s].*@ )", lock, re.MULTILINE)
