"""Reviews: a steward sees what may be known of both sides, and what is decided binds."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Category
from tests.builders import a_record, linking, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, put
from tests.customer_index.loading import hand_over, ndjson
from tests.customer_index.protecting import clearance, protect
from tests.customer_index.stewarding import (
    TWIN,
    act,
    decide,
    existence_of,
    reading,
    review_between,
    reviews,
    steward,
    two_in_review,
)
from tests.customer_index.test_corrections import assert_told_without_gaps
from tests.customer_index.test_links import BOTH, linked


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def test_a_review_shows_both_sides_and_what_speaks_for_it(index: Index) -> None:
    first, second = await two_in_review(index)

    (review,) = await reviews(index)

    assert (review["kind"], review["status"], review["decision"]) == ("record", "open", None)
    assert {side["person_id"] for side in review["sides"]} == {first["person_id"], second["person_id"]}
    shown = [record["given_names"] for side in review["sides"] for record in side["records"]]
    assert sorted(shown) == [["Adaeze", "Ruth"], ["Chidi"]]
    levels = {row["comparison"]: row["level"] for row in review["waterfall"]}
    assert levels["surname"] == "exact"
    assert levels["birth"] == "exact"
    assert review["total"] == pytest.approx(sum(row["weight"] for row in review["waterfall"]), abs=0.001)
    assert await reviews(index, reading("wcc")) == []
    assert await reviews(index, query="?status=decided") == []


@pytest.mark.parametrize("decision", ["match", "no-match"])
async def test_a_decision_is_made_once_and_can_be_taken_back(decision: str, index: Index, admin: AsyncEngine) -> None:
    await two_in_review(index)
    (review,) = await reviews(index)

    decided = await decide(index, review, decision)

    assert (decided["status"], decided["decision"]) == ("decided", decision)
    assert decided["sides"] == review["sides"]
    assert await reviews(index) == []
    assert await reviews(index, query="?status=decided") == [decided]
    together = decision == "match"
    assert len(await behind.partition(admin, "lbhf")) == (1 if together else 2)
    again = await decide(index, review, "no-match", status=409)
    assert again["type"] == "/problems/review-decided"
    await act(index, f"/v1/stewardship/{decided['stewardship_id']}/undo")
    assert await reviews(index) == [review]
    assert len(await behind.partition(admin, "lbhf")) == 2
    assert await behind.count(admin, "decisions") == 0
    await assert_told_without_gaps(admin)


async def test_a_no_match_survives_assertion_correction_and_load(index: Index, admin: AsyncEngine) -> None:
    await two_in_review(index)
    (review,) = await reviews(index)
    await decide(index, review, "no-match")

    await put(index, "lbhf", "housing/h-1", TWIN | {"title": "Ms"})
    await put(index, "lbhf", "housing/h-1", a_record())
    await put(index, "lbhf", "crm/c-1", a_record(title="Dr"))
    await hand_over(index, "lbhf", "housing", ndjson([{"local_id": "h-1", **a_record(title="Mx")}]))
    await index.finish_loads()

    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1"}), frozenset({"housing/h-1"})}
    assert await reviews(index) == []


async def test_reviews_come_in_pages_bound_to_their_caller(index: Index) -> None:
    for number in range(3):
        changed = {"family_name": f"Okonjo{'abc'[number]}", "emails": None, "phones": None}
        born = {"date_of_birth": f"19{5 + number}4-03-09", "addresses": None}
        await put(index, "lbhf", f"crm/c-{number}", a_record(nhs_number=None, **changed, **born))
        twin = a_record(given_names=["Chidi"], nhs_number=None, **changed, **born)
        await put(index, "lbhf", f"housing/h-{number}", twin)
    everything = await reviews(index)
    assert len(everything) >= 2

    seen: list[Any] = []
    query = "?limit=1"
    while query:
        page = (await index.call("GET", f"/v1/reviews{query}", reading())).json()
        seen += page["items"]
        query = f"?limit=1&cursor={page['next']}" if page["next"] else ""
        if query:
            stranger = await index.call("GET", f"/v1/reviews{query}", reading("wcc"))
            assert stranger.status_code == 400

    assert seen == everything


async def test_a_link_review_is_seen_from_both_sides_while_both_link(index: Index) -> None:
    ours, theirs = await review_between(index)

    (seen,) = await reviews(index, reading("lbhf", "wcc"))
    (there,) = await reviews(index, reading("wcc", "lbhf"))

    assert seen["kind"] == "link"
    assert [side["owner"] for side in seen["sides"]] == ["lbhf", "wcc"]
    assert [side["person_id"] for side in seen["sides"]] == [ours["person_id"], theirs["person_id"]]
    assert seen == there
    assert await reviews(index, replace(reading("lbhf", "wcc"), linkages=())) == []
    assert await reviews(index, reading("rbkc", "lbhf", "wcc", linkages=(linking("lbhf", "wcc"),))) == []
    await index.consume(agreement_changed(*BOTH, version=2, status="suspended"))
    assert await reviews(index, reading("lbhf", "wcc")) == []


async def test_a_link_review_shows_of_the_other_side_what_is_granted_and_no_more(index: Index) -> None:
    await review_between(index)

    (known,) = await reviews(index, reading("lbhf", "wcc", shown=existence_of("wcc")))
    (named,) = await reviews(index, reading("lbhf", "wcc", shown=existence_of("wcc", Category.IDENTITY)))

    assert known["waterfall"] == []
    assert known["total"] == 0
    assert known["sides"][1]["records"][0].keys() == {"record_id", "owner", "source", "service_area", "local_id"}
    assert {row["comparison"] for row in named["waterfall"]} <= {"forename", "surname", "birth", "gender"}
    assert "Chidi" in str(named["sides"][1])
    assert "Larkspur" not in str(named["sides"][1])
    assert await reviews(index, reading("lbhf", "wcc", shown={})) == []


async def test_a_link_that_a_steward_made_is_there_at_once_and_survives_re_scoring(
    index: Index, admin: AsyncEngine
) -> None:
    ours, theirs = await review_between(index)
    looking = reading("lbhf", "wcc")
    (review,) = await reviews(index, looking)

    await decide(index, review, "match", steward("lbhf", "wcc"))

    for _ in range(2):
        view = (await index.call("GET", f"/v1/people/{ours['person_id']}", looking)).json()
        assert view["linked"] == [
            {"owner": "wcc", "person_id": theirs["person_id"], "link": "steward", "probability": 1.0}
        ]
        await index.link()
        await put(index, "lbhf", "crm/c-1", a_record(title="Dr"))
        await put(index, "wcc", "crm/w-1", TWIN | {"given_names": ["Bartholomew"]})
        await index.link()
    await index.consume(agreement_changed(*BOTH, version=2, status="suspended"))
    assert await behind.count(admin, "links") == 0
    await index.consume(agreement_changed(*BOTH, version=3))
    await index.link()
    assert await behind.ask(admin, "SELECT kind, probability FROM links") == [("steward", 1.0)]


async def test_where_two_stewards_disagree_there_is_no_link(index: Index) -> None:
    ours, _ = await review_between(index)
    here, there = steward("lbhf", "wcc"), steward("wcc", "lbhf")
    (review,) = await reviews(index, reading("lbhf", "wcc"))
    (same,) = await reviews(index, reading("wcc", "lbhf"))

    await decide(index, review, "match", here)
    assert await reviews(index, reading("wcc", "lbhf")) == [same], "each decides for itself"
    refused = await decide(index, same, "no-match", there)

    assert await linked(index, ours["person_id"], reading("lbhf", "wcc")) == []
    await index.link()
    assert await linked(index, ours["person_id"], reading("lbhf", "wcc")) == []
    await put(index, "wcc", "crm/w-1", a_record())
    await index.link()
    assert await linked(index, ours["person_id"], reading("lbhf", "wcc")) == []
    await act(index, f"/v1/stewardship/{refused['stewardship_id']}/undo", there)
    await index.link()
    assert len(await linked(index, ours["person_id"], reading("lbhf", "wcc"))) == 1


async def test_a_link_undone_is_gone_at_once(index: Index) -> None:
    ours, _ = await review_between(index)
    (review,) = await reviews(index, reading("lbhf", "wcc"))
    decided = await decide(index, review, "match", steward("lbhf", "wcc"))
    own = {"person_id": ours["person_id"], "records": [ours["record_id"]]}

    undone = await act(index, f"/v1/stewardship/{decided['stewardship_id']}/undo", steward("lbhf", "wcc"))

    assert undone == {"stewardship_id": decided["stewardship_id"], "before": [own], "after": [own]}
    for _ in range(2):
        assert await linked(index, ours["person_id"], reading("lbhf", "wcc")) == []
        await index.link()
    (again,) = await reviews(index, reading("lbhf", "wcc"))
    assert again["review_id"] == review["review_id"]


async def test_a_review_that_may_not_be_known_is_decided_like_none(index: Index, admin: AsyncEngine) -> None:
    await review_between(index)
    (review,) = await reviews(index, reading("lbhf", "wcc"))
    before = await behind.contents(admin)

    for permit in (steward("lbhf", "wcc", shown={}), steward("lbhf"), steward("rbkc", "lbhf", "wcc")):
        answers = [
            await index.call("POST", f"/v1/reviews/{one}/decision", permit, json={"decision": "match"})
            for one in (review["review_id"], str(uuid4()))
        ]
        assert {answer.status_code for answer in answers} == {404}
        said, of_nobody = ({**answer.json(), "request_id": ""} for answer in answers)
        assert said == of_nobody
    assert await behind.contents(admin) == before


async def test_a_review_settled_by_the_evidence_is_no_question_any_more(index: Index) -> None:
    await review_between(index)
    await index.call("DELETE", "/v1/sources/crm/records/w-1", write_permit("wcc"))
    await index.link()

    assert await reviews(index, reading("lbhf", "wcc")) == []


async def test_taking_back_a_decision_links_nobody_who_was_sealed_since(index: Index, admin: AsyncEngine) -> None:
    ours, _ = await review_between(index)
    done = {}
    for org, other in (("lbhf", "wcc"), ("wcc", "lbhf")):
        (review,) = await reviews(index, reading(org, other))
        done[org] = await decide(index, review, "match", steward(org, other))
    await protect(index, ours["person_id"], "adoption")
    assert await behind.count(admin, "links") == 0

    path = f"/v1/stewardship/{done['lbhf']['stewardship_id']}/undo"
    await act(index, path, steward("lbhf", "wcc", cleared=clearance("lbhf")))

    assert await behind.count(admin, "links") == 0
