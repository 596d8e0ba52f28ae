"""Protected and sealed people, and people who do not exist for a worker: what case-episodes keeps back, and from whom.

Called directly with permits, as the gateway would, and by raw SQL as the application's role.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from case_episodes.disclosure import context_of, grouping_context
from shared.categories import Action, Category, Form
from shared.events import PersonMerged, PersonProtected, PersonRecordLinked
from shared.permit import Anchor, Permit
from tests.alike import told, told_of_somebody
from tests.builders import ORDINARY_AREAS, a_permit, granting
from tests.case_episodes.conftest import (
    Episodes,
    a_contact,
    a_referral,
    an_assessment,
    looking,
    somebody,
    writing,
)

WHEREABOUTS: dict[str, Any] = {"household": True, "postcode_sector": "W6 9"}
LBHF = granting(*(f"lbhf/{area}" for area in ORDINARY_AREAS))
LBHF_AND_OWN = granting(*(f"lbhf/{area}" for area in ORDINARY_AREAS), "wcc/benefits")
AT_HOME: dict[str, Any] = {"postcode_sector": "W6 9", "access_point": "Larkspur one-stop shop"}
ANCHORED = (
    "cases",
    "contacts",
    "assessments",
    "case_notes",
    "reuses",
    "episodes",
    "memberships",
    "episode_referrals",
)


def theirs(*people: Anchor, **changes: Any) -> Permit:
    """Permit a worker of wcc to read all that lbhf has of some people."""
    about = tuple(Anchor(one.owner, one.person_id) for one in people)
    return a_permit("wcc", about=about, **{"grants": LBHF_AND_OWN, **changes})


async def a_file(episodes: Episodes, about: Anchor, *, case: dict[str, Any], contact: dict[str, Any]) -> dict[str, str]:
    """Work for somebody; give the ids of what came of it."""
    by = writing(about=(about,))
    opened = await episodes.open(about, **case)
    path = f"/v1/cases/{opened['case_id']}"
    made = [
        await episodes.call("POST", "/v1/contacts", by, json=a_contact(**contact)),
        await episodes.call("POST", "/v1/assessments", by, json=an_assessment()),
        await episodes.call("POST", f"{path}/notes", by, json={"text": "Rang back."}),
    ]
    assert [one.status_code for one in made] == [201] * 3
    assessment = made[1].json()["assessment_id"]
    reused = await episodes.call(
        "POST", f"/v1/assessments/{assessment}/reuse", theirs(), json={"decision": "accepted", "for_lgsl": 69}
    )
    assert reused.status_code == 201, reused.text
    return {"case": opened["case_id"], "episode": opened["episode_id"], "assessment": assessment}


async def guard(episodes: Episodes, *people: Anchor, protected: bool = True, sealed: bool = False) -> None:
    """Have customer-index tell that some people are protected or sealed."""
    for one in people:
        assert one.record_id is not None
        await episodes.tell(one.person_id, PersonProtected(records=[one.record_id], protected=protected, sealed=sealed))


async def all_of(episodes: Episodes, about: Anchor, ids: dict[str, str], permit: Permit) -> list[Any]:
    """Ask for everything about somebody, by the person and by every id."""
    paths = (
        f"/v1/people/{about.person_id}/case-file",
        f"/v1/people/{about.person_id}/case-file?include=contacts",
        f"/v1/people/{about.person_id}/assessments",
        f"/v1/cases/{ids['case']}",
        f"/v1/episodes/{ids['episode']}",
        f"/v1/cases/{ids['case']}/concerned",
        f"/v1/episodes/{ids['episode']}/concerned",
        f"/v1/assessments/{ids['assessment']}/concerned",
        "/v1/work-queue",
    )
    answers = [await episodes.call("GET", path, permit) for path in paths]
    reuse = {"decision": "rejected", "reason": "criteria differ", "for_lgsl": 69}
    answers.append(await episodes.call("POST", f"/v1/assessments/{ids['assessment']}/reuse", permit, json=reuse))
    return answers


@pytest.mark.parametrize("told_first", [True, False])
async def test_a_protected_person_looks_to_others_as_if_no_whereabouts_were_ever_given(
    told_first: bool, episodes: Episodes
) -> None:
    ada, ben = somebody(), somebody()
    if told_first:
        await guard(episodes, ada)
    of_ada = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    of_ben = await a_file(episodes, ben, case={}, contact={})
    before = [told_of_somebody(one) for one in await all_of(episodes, ada, of_ada, theirs(ada))]
    if not told_first:
        assert "Larkspur" in str(before), "not protected yet"
        await guard(episodes, ada)

    protected = await all_of(episodes, ada, of_ada, theirs(ada))
    never_given = await all_of(episodes, ben, of_ben, theirs(ben))

    assert {one.status_code for one in protected} == {200, 201}
    for one, other in zip(protected, never_given, strict=True):
        assert told_of_somebody(one) == told_of_somebody(other)


async def test_where_only_existence_is_granted_a_protection_changes_nothing(episodes: Episodes) -> None:
    ada = somebody()
    ids = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    exists = granting("lbhf/benefits", categories=dict.fromkeys(Category, Form.EXISTS))
    before = [told(one) for one in await all_of(episodes, ada, ids, theirs(ada, grants=exists))]

    await guard(episodes, ada)

    assert [told(one) for one in await all_of(episodes, ada, ids, theirs(ada, grants=exists))] == before


@pytest.mark.parametrize("sealed", [True, False])
async def test_the_own_organisation_s_callers_see_and_do_what_they_did(sealed: bool, episodes: Episodes) -> None:
    ada = somebody()
    ids = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    before = [told_of_somebody(one) for one in await all_of(episodes, ada, ids, looking("lbhf", ada))]

    await guard(episodes, ada, sealed=sealed)

    assert [told_of_somebody(one) for one in await all_of(episodes, ada, ids, looking("lbhf", ada))] == before
    again = await episodes.open(ada, **WHEREABOUTS)
    assert again["episode_id"] == ids["episode"]
    path = f"/v1/cases/{ids['case']}/transitions"
    moved = await episodes.call("POST", path, writing(about=(ada,)), json={"to": "in-progress"})
    assert (moved.status_code, moved.json()["postcode_sector"]) == (200, "W6 9")


@pytest.mark.parametrize("told_first", [True, False])
async def test_a_sealed_person_is_to_others_like_nobody(told_first: bool, episodes: Episodes) -> None:
    ada = somebody()
    nobody = Anchor("lbhf", uuid4(), uuid4())
    nowhere = {"case": str(uuid4()), "episode": str(uuid4()), "assessment": str(uuid4())}
    if told_first:
        ids = await a_file_of_one_sealed(episodes, ada)
    else:
        ids = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
        assert {one.status_code for one in await all_of(episodes, ada, ids, theirs(ada))} == {200, 201}
        await guard(episodes, ada, sealed=True)

    sealed = await all_of(episodes, ada, ids, theirs(ada))
    nothing = await all_of(episodes, nobody, nowhere, theirs(nobody))

    assert {one.status_code for one in sealed} == {200, 404}
    for one, other in zip(sealed, nothing, strict=True):
        assert told(one) == told(other)


async def a_file_of_one_sealed(episodes: Episodes, ada: Anchor) -> dict[str, str]:
    """Work for somebody who was sealed before."""
    await guard(episodes, ada, sealed=True)
    by = writing(about=(ada,))
    opened = await episodes.open(ada, **WHEREABOUTS)
    assessed = await episodes.call("POST", "/v1/assessments", by, json=an_assessment())
    await episodes.call("POST", "/v1/contacts", by, json=a_contact(**AT_HOME))
    return {"case": opened["case_id"], "episode": opened["episode_id"], "assessment": assessed.json()["assessment_id"]}


async def test_what_is_lifted_shows_again(episodes: Episodes) -> None:
    ada = somebody()
    ids = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    before = [told_of_somebody(one) for one in await all_of(episodes, ada, ids, theirs(ada))]

    await guard(episodes, ada, sealed=True)
    await guard(episodes, ada, protected=False)

    assert [told_of_somebody(one) for one in await all_of(episodes, ada, ids, theirs(ada))] == before


async def test_a_guard_stays_with_its_record_whoever_it_comes_to(episodes: Episodes) -> None:
    ada, other = somebody(), uuid4()
    assert ada.record_id is not None
    ids = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    await guard(episodes, ada, sealed=True)

    await episodes.tell(ada.person_id, PersonMerged(into=other, records=[ada.record_id]))
    await episodes.tell(other, PersonRecordLinked(record_id=ada.record_id))

    answers = await all_of(episodes, Anchor("lbhf", other, ada.record_id), ids, theirs(Anchor("lbhf", other)))
    assert not any(identifier in one.text for one in answers for identifier in ids.values())


async def test_of_two_persons_events_about_one_record_the_later_counts(episodes: Episodes) -> None:
    ada, other = somebody(), uuid4()
    assert ada.record_id is not None
    ids = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    episodes.at += timedelta(hours=1)
    await episodes.tell(other, PersonProtected(records=[ada.record_id], protected=True, sealed=True))
    episodes.at -= timedelta(minutes=30)

    await guard(episodes, ada, protected=False)

    assert (await episodes.call("GET", f"/v1/cases/{ids['case']}", theirs(ada))).status_code == 404


async def test_for_a_worker_a_hidden_person_is_nobody_and_for_the_next_somebody(episodes: Episodes) -> None:
    ada, nobody = somebody(), Anchor("lbhf", uuid4(), uuid4())
    ids = await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    nowhere = {"case": str(uuid4()), "episode": str(uuid4()), "assessment": str(uuid4())}
    assert ada.record_id is not None
    hidden = (uuid4(), ada.record_id)

    unseen = await all_of(episodes, ada, ids, looking("lbhf", ada, hidden=hidden))
    nothing = await all_of(episodes, nobody, nowhere, looking("lbhf", nobody, hidden=hidden))
    seen = await all_of(episodes, ada, ids, looking("lbhf", ada))

    for one, other in zip(unseen, nothing, strict=True):
        assert told(one) == told(other)
    assert {one.status_code for one in seen} == {200, 201}
    assert len(seen[8].json()["items"]) == 1, "and it waits in the queue of everybody else"
    writes = (
        ("PATCH", f"/v1/cases/{ids['case']}", {"description": "x"}),
        ("POST", f"/v1/cases/{ids['case']}/transitions", {"to": "in-progress"}),
        ("POST", f"/v1/cases/{ids['case']}/notes", {"text": "x"}),
        ("POST", f"/v1/episodes/{ids['episode']}/transitions", {"to": "closed"}),
        ("POST", f"/v1/episodes/{ids['episode']}/regroup", {"cases": [ids["case"]]}),
        ("POST", f"/v1/assessments/{ids['assessment']}/transitions", {"to": "withdrawn"}),
    )
    for method, path, body in writes:
        refused = await episodes.call(method, path, writing(hidden=hidden), json=body, headers={"If-Match": "*"})
        assert refused.status_code == 404, path


@pytest.mark.parametrize("unknown", ["hidden", "sealed"])
async def test_of_an_episode_shared_with_nobody_only_the_cases_of_the_others_show(
    unknown: str, episodes: Episodes
) -> None:
    ada, ben = somebody(), somebody()
    first = await episodes.open(ada, household=True)
    about = writing(about=(ben, Anchor("lbhf", ada.person_id)))
    second = await episodes.open(ben, permit=about, household=True)
    assert second["episode_id"] == first["episode_id"]
    path = f"/v1/episodes/{first['episode_id']}/transitions"
    await episodes.call("POST", path, writing(about=(ada,)), json={"to": "dormant", "reason": "Ada is abroad."})
    assert ada.record_id is not None
    if unknown == "sealed":
        await guard(episodes, ada, protected=False, sealed=True)
        permit = theirs(ben)
    else:
        permit = looking("lbhf", ben, hidden=(ada.record_id,))

    by_id = (await episodes.call("GET", f"/v1/episodes/{first['episode_id']}", permit)).json()
    file = (await episodes.call("GET", f"/v1/people/{ben.person_id}/case-file", permit)).json()

    assert file["episodes"][0]["cases"] == by_id["cases"] == [second["case_id"]]
    assert by_id["person_id"] == str(ben.person_id)
    for told_of in (file["episodes"][0], by_id):
        assert str(ada.person_id) not in str(told_of)
        assert "abroad" not in str(told_of)
        assert told_of.get("opened_at") is None


async def counted(tx: Any, table: str) -> int:
    """Count the rows that a role sees of a table."""
    return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_raw_sql_as_the_application_sees_no_sealed_and_no_hidden_row(
    episodes: Episodes, admins: dict[str, AsyncEngine]
) -> None:
    ada = somebody()
    assert ada.record_id is not None
    await a_file(episodes, ada, case=WHEREABOUTS, contact=AT_HOME)
    await episodes.tell(ada.person_id, PersonRecordLinked(record_id=ada.record_id))
    await episodes.hear(a_referral(ada), version=1)
    own = looking("lbhf", hidden=(ada.record_id,), grants=LBHF)
    worker_of_wcc = theirs(hidden=(ada.record_id,))
    contexts = {
        "hidden": context_of(own),
        "hidden from another owner's worker": context_of(worker_of_wcc),
        "sealed": context_of(theirs()),
        "sealed, by nobody": {**context_of(theirs()), "scv.org": ""},
    }
    await guard(episodes, ada, sealed=True)

    for name, context in contexts.items():
        async with episodes.database.transaction(context) as tx:
            seen = {table: await counted(tx, table) for table in ANCHORED}
        assert set(seen.values()) == {0}, (name, seen)
        without = await seen_without_restrictions(admins["case_episodes"], context)
        assert without["cases"] == without["contacts"] == without["assessments"] == without["case_notes"] == 1, name
        assert without["episode_referrals"] == 1, name
    async with episodes.database.transaction(context_of(looking("lbhf", grants=LBHF))) as tx:
        assert await counted(tx, "cases") == 1, "the own organisation sees its sealed people"


async def seen_without_restrictions(admin: AsyncEngine, context: Any) -> dict[str, int]:
    """Count what the application would see without the restrictive policies, which is what they are for."""
    async with admin.connect() as connection:
        policies = await connection.execute(
            text("SELECT tablename, policyname FROM pg_policies WHERE permissive = 'RESTRICTIVE'")
        )
        for table, policy in policies.all():
            await connection.execute(text(f"DROP POLICY {policy} ON {table}"))
        for name, value in context.items():
            await connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
        await connection.execute(text("SET LOCAL ROLE case_episodes_app"))
        seen = {table: await counted(connection, table) for table in ANCHORED}
        await connection.rollback()
    return seen


async def test_who_is_guarded_is_nobody_s_to_read_outside_a_call(episodes: Episodes) -> None:
    await guard(episodes, somebody())

    async with episodes.database.transaction() as tx:
        assert await counted(tx, "guarded_records") == 0
    async with episodes.worker.transaction() as tx:
        assert await counted(tx, "guarded_records") == 1


async def test_an_empty_word_of_protection_is_taken_in(episodes: Episodes) -> None:
    await episodes.tell(uuid4(), PersonProtected(records=[], protected=True, sealed=True))


def test_the_permit_s_hidden_records_are_in_every_context() -> None:
    record_id = UUID(int=7)
    for action in (Action.READ, Action.WRITE):
        permit = a_permit("lbhf", action=action, hidden=(record_id,))
        for context in (context_of(permit), grouping_context(permit)):
            assert context["scv.hidden"] == str(record_id)


@pytest.mark.parametrize("opens", ["the protected person", "who lives with her"])
async def test_no_episode_says_with_whom_a_protected_person_lives(opens: str, episodes: Episodes) -> None:
    ada, ben = somebody(), somebody()
    with_each_other = {
        one: writing(about=(one, Anchor("lbhf", other.person_id))) for one, other in ((ada, ben), (ben, ada))
    }
    first, second = (ada, ben) if opens == "the protected person" else (ben, ada)
    of_both = [await episodes.open(one, permit=with_each_other[one], household=True) for one in (first, second)]
    assert of_both[0]["episode_id"] == of_both[1]["episode_id"]
    contact = a_contact(case_id=of_both[1]["case_id"])
    contacted = await episodes.call("POST", "/v1/contacts", with_each_other[second], json=contact)
    assert contacted.json()["episode_id"] == of_both[0]["episode_id"]

    await guard(episodes, ada)

    files = {
        one: (await episodes.call("GET", f"/v1/people/{one.person_id}/case-file", theirs(one))).json()
        for one in (first, second)
    }
    (of_first,), (of_second,) = (file["episodes"] for file in files.values())
    assert of_first["episode_id"] == of_both[0]["episode_id"], "who opened it keeps it"
    assert of_second["episode_id"] != of_first["episode_id"]
    assert of_second["contacts"] == [contacted.json()["contact_id"]]
    for episode, one in ((of_first, first), (of_second, second)):
        shown = await episodes.call("GET", f"/v1/episodes/{episode['episode_id']}", theirs(one))
        assert shown.json()["cases"] == [of_both[0 if one is first else 1]["case_id"]]
    later = []
    for one in (ada, ben):
        # So that hers is the latest when his looks for one to join.
        episodes.at += timedelta(minutes=1)
        later.append(await episodes.open(one, permit=with_each_other[one], household=True))
    assert {one["episode_id"] for one in later} == {of_first["episode_id"], of_second["episode_id"]}
    assert later[0]["episode_id"] != later[1]["episode_id"]
