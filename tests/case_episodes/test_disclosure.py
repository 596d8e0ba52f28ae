"""What leaves: each category only where it is granted, and nobody's words in any other place."""

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from case_episodes.disclosure import context_of, grouping_context
from shared.categories import Category, Form
from shared.db import NO_CONTEXT
from shared.permit import Anchor
from tests.builders import granting
from tests.case_episodes import canaries
from tests.case_episodes.conftest import Episodes, a_case, a_contact, an_assessment, looking, somebody, writing
from tests.customer_index import behind

HELD = (Category.CONTACTS, Category.CASES, Category.CASE_NOTES, Category.ASSESSMENTS)
TABLES = (
    "cases",
    "case_notes",
    "contacts",
    "assessments",
    "episodes",
    "episode_referrals",
    "reuses",
    "memberships",
    "idempotency",
)


@pytest.fixture
async def file_of(episodes: Episodes) -> tuple[Anchor, str]:
    """A person with a telling value in every field, and the id of the case."""
    ada = somebody()
    opened = await episodes.open(ada, **canaries.CASE)
    path = f"/v1/cases/{opened['case_id']}"
    by = writing(about=(ada,))
    etag = {"If-Match": "*"}
    for method, where, body in (
        ("PATCH", path, {"handled_by": "caseholder-canary"}),
        ("POST", path + "/notes", {"text": "note-canary"}),
        ("POST", path + "/transitions", {"to": "in-progress", "reason": "transition-reason-canary"}),
        ("POST", "/v1/contacts", a_contact(**canaries.CONTACT)),
        ("POST", "/v1/assessments", an_assessment(**canaries.ASSESSMENT)),
        (
            "POST",
            f"/v1/episodes/{opened['episode_id']}/transitions",
            {"to": "dormant", "reason": "episode-reason-canary"},
        ),
    ):
        answer = await episodes.call(method, where, by, json=body, headers=etag)
        assert answer.status_code in (200, 201), answer.text
    return ada, opened["case_id"]


async def everything(episodes: Episodes, ada: Anchor, case_id: str, **changes: object) -> str:
    """Give all that a reader is shown of somebody, headers and all."""
    permit = looking("lbhf", ada, **changes)
    case = await episodes.call("GET", f"/v1/cases/{case_id}", permit)
    file = await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", permit)
    listed = await episodes.call("GET", f"/v1/people/{ada.person_id}/assessments", permit)
    queue = await episodes.call("GET", "/v1/work-queue", permit)
    found = [await episodes.call("GET", f"/v1/episodes/{one['episode_id']}", permit) for one in file.json()["episodes"]]
    return "".join(f"{answer.headers}{answer.text}" for answer in (case, file, listed, queue, *found))


async def test_every_telling_value_shows_where_its_category_is_granted(
    episodes: Episodes, file_of: tuple[Anchor, str]
) -> None:
    shown = await everything(episodes, *file_of)

    assert sorted(canaries.found_in(shown)) == sorted(value for values in canaries.VALUES.values() for value in values)


@pytest.mark.parametrize("form", [None, Form.EXISTS, Form.BAND])
@pytest.mark.parametrize("category", HELD)
async def test_a_category_that_is_not_granted_as_a_value_shows_none(
    category: Category, form: Form | None, episodes: Episodes, file_of: tuple[Anchor, str]
) -> None:
    granted = dict.fromkeys(Category, Form.VALUE)
    del granted[category]
    if form is not None:
        granted[category] = form

    shown = await everything(episodes, *file_of, grants=granting("lbhf/benefits", categories=granted))

    lost = {category, Category.CASE_NOTES} if category is Category.CASES else {category}
    assert not canaries.found_in(shown, *lost)
    others = [one for one in HELD if one not in lost]
    assert canaries.found_in(shown, *others)


async def test_without_existence_and_without_the_scope_nothing_is_told(
    episodes: Episodes, file_of: tuple[Anchor, str]
) -> None:
    blind = dict.fromkeys(Category, Form.VALUE)
    del blind[Category.EXISTENCE]
    for grants in ({}, granting("lbhf/housing"), granting("lbhf/benefits", categories=blind), granting("wcc/benefits")):
        ada, case_id = file_of
        file = await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", looking("lbhf", ada, grants=grants))

        assert file.json() == {"contacts": [], "episodes": [], "cases": [], "assessments": []}
        assert json.loads(file.headers["SCV-Disclosed"]) == {"scopes": {}, "records": [], "persons": {}}
        read = await episodes.call("GET", f"/v1/cases/{case_id}", looking(grants=grants))
        assert read.status_code == 404


async def test_where_only_existence_is_granted_one_sign_stands_for_all(
    episodes: Episodes, file_of: tuple[Anchor, str]
) -> None:
    ada, _ = file_of
    await episodes.open(ada)
    told = {Category.EXISTENCE: Form.VALUE, Category.CASES: Form.EXISTS, Category.CONTACTS: Form.EXISTS}
    permit = looking("wcc", ada, grants=granting("lbhf/benefits", categories=told))

    file = (await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", permit)).json()

    sign = {"owner": "lbhf", "service_area": "benefits", "exists": True}
    assert file == {"contacts": [sign], "episodes": [], "cases": [sign], "assessments": []}


async def test_only_persons_that_were_resolved_are_answered_about(
    episodes: Episodes, file_of: tuple[Anchor, str]
) -> None:
    ada, _ = file_of
    linked = somebody("wcc")

    for permit in (looking("lbhf"), looking("lbhf", linked)):
        answer = await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", permit)
        assert answer.status_code == 404
    both = await episodes.call("GET", f"/v1/people/{linked.person_id}/case-file", looking("lbhf", linked, ada))
    assert len(both.json()["cases"]) == 1


async def test_the_account_says_what_left(episodes: Episodes, file_of: tuple[Anchor, str]) -> None:
    ada, case_id = file_of

    read = await episodes.call("GET", f"/v1/cases/{case_id}", looking())

    account = json.loads(read.headers["SCV-Disclosed"])
    assert account["persons"] == {str(ada.person_id): "lbhf"}
    assert account["scopes"] == {"lbhf/benefits": ["case_notes", "cases", "existence"]}
    assert [record.partition("@")[0].rpartition("/")[2] for record in account["records"]] == [case_id]


async def test_no_event_no_log_line_and_no_stored_reply_holds_anybody_s_words(
    episodes: Episodes,
    file_of: tuple[Anchor, str],
    admins: dict[str, AsyncEngine],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ada, case_id = file_of
    by, key = writing(about=(ada,)), {"Idempotency-Key": "kept"}
    await episodes.call("POST", "/v1/cases", by, json=a_case(**canaries.CASE), headers=key)
    refused = [
        await episodes.call("POST", "/v1/cases", by, json=a_case(**{**canaries.CASE, "description": 1})),
        await episodes.call("POST", "/v1/cases", by, json={**a_case(), "note-canary": "value-canary"}),
        await episodes.call(
            "POST", "/v1/contacts", by, json=a_contact(**{**canaries.CONTACT, "channel": "kiosk-canary"})
        ),
        await episodes.call("POST", f"/v1/cases/{case_id}/notes", by, json={"text": ["note-canary"]}),
    ]

    assert [answer.status_code for answer in refused] == [422] * 4
    refused_with = "".join(answer.text.replace("/note-canary", "") for answer in refused)
    assert not canaries.found_in(refused_with)
    for table in ("outbox", "idempotency", "inbox", "memberships"):
        rows = str(await behind.ask(admins["case_episodes"], f"SELECT * FROM {table}"))
        assert not canaries.found_in(rows), table
    assert not canaries.found_in("".join(capfd.readouterr()) + caplog.text)


async def test_raw_sql_sees_nothing_outside_its_context(episodes: Episodes, file_of: tuple[Anchor, str]) -> None:
    contexts = (
        NO_CONTEXT,
        context_of(looking("wcc")),
        context_of(looking(grants=granting("lbhf/housing"))),
        context_of(looking(grants=granting("lbhf/benefits", categories={Category.CASES: Form.VALUE}))),
        {"scv.org": "", "scv.cases": "", "scv.writing": "", "scv.grouping": ""},
    )
    for context in contexts:
        for table in TABLES:
            async with episodes.database.transaction(context) as tx:
                found = (await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            assert found == 0, (table, context)


async def test_raw_sql_sees_a_category_only_with_that_category(episodes: Episodes, file_of: tuple[Anchor, str]) -> None:
    tables = {
        "cases": Category.CASES,
        "case_notes": Category.CASE_NOTES,
        "contacts": Category.CONTACTS,
        "assessments": Category.ASSESSMENTS,
    }
    for granted in HELD:
        told = dict.fromkeys((Category.EXISTENCE, granted), Form.VALUE)
        if granted is Category.CASE_NOTES:
            told[Category.CASES] = Form.VALUE  # a note goes with its case
        context = context_of(looking("wcc", grants=granting("lbhf/benefits", categories=told)))
        for table, category in tables.items():
            async with episodes.database.transaction(context) as tx:
                found = (await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            assert bool(found) == (category in told), (table, granted)


async def test_raw_sql_changes_only_what_the_organisation_writing_owns(
    episodes: Episodes, file_of: tuple[Anchor, str]
) -> None:
    readers = (
        context_of(looking()),
        context_of(writing("wcc", grants=granting("lbhf/benefits", "wcc/benefits"))),
        grouping_context(writing("wcc", grants=granting("lbhf/benefits"))),
    )
    for context in readers:
        for statement in (
            "UPDATE cases SET description = 'gone'",
            "UPDATE assessments SET outcome = 'gone'",
            "UPDATE episodes SET status = 'closed'",
        ):
            async with episodes.database.transaction(context) as tx:
                assert (await tx.execute(text(statement))).rowcount == 0
    for statement in ("DELETE FROM cases", "UPDATE case_notes SET text = 'gone'", "UPDATE contacts SET channel = 'x'"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with episodes.database.transaction(context_of(writing())) as tx:
                await tx.execute(text(statement))


async def test_the_worker_reads_nobody_s_words(episodes: Episodes, file_of: tuple[Anchor, str]) -> None:
    for column in (
        "cases.description",
        "cases.handled_by",
        "contacts.unresolved_reason",
        "contacts.satisfaction",
        "assessments.facts",
        "assessments.outcome",
        "case_notes.text",
    ):
        table = column.partition(".")[0]
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with episodes.worker.transaction() as tx:
                await tx.execute(text(f"SELECT {column} FROM {table}"))


async def test_what_was_shown_last_is_not_in_the_connection_of_the_next(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())
    for _ in range(12):
        mine = await episodes.call("GET", f"/v1/cases/{opened['case_id']}", looking())
        theirs = await episodes.call("GET", f"/v1/cases/{opened['case_id']}", looking("wcc"))
        assert (mine.status_code, theirs.status_code) == (200, 404)
