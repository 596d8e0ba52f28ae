"""Searches: who is found by what, and that nothing withheld finds anybody or weighs anything."""

from typing import Any

import pytest

from shared.categories import Action, Category, Form, Grants
from shared.permit import Permit
from tests.builders import ORDINARY_AREAS, a_permit, a_record, granting
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put
from tests.customer_index.loading import people

NAMED = {"given_names": ["Adaeze"], "family_name": "Okonjo-Vale", "date_of_birth": "1984-03-09"}


def searching(org: str = "lbhf", *others: str, grants: Grants | None = None) -> Permit:
    everywhere = granting(*(f"{owner}/{area}" for owner in (org, *others) for area in ORDINARY_AREAS))
    return a_permit(org, action=Action.SEARCH, grants=everywhere if grants is None else grants)


async def search(index: Index, wanted: dict[str, Any], permit: Permit | None = None) -> list[dict[str, Any]]:
    """Search and give the persons found."""
    answer = await index.call("POST", "/v1/people/search", permit or searching(), json=wanted)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


SUFFICIENT: dict[str, dict[str, Any]] = {
    "postcode": {"postcode": "w69zz"},
    "uprn": {"uprn": " 999900000017"},
    "phone": {"phone": "+44 7700 900123"},
    "email": {"email": "ADAEZE@example.org"},
    "nhs_number": {"nhs_number": "999 000 0018"},
    "national_insurance_number": {"national_insurance_number": "ga 12 34 56 c"},
    "both names": {"given_names": ["Adaeze"], "family_name": "Okonjo-Vale"},
    "given name and birth": {"given_names": ["Adaeze"], "date_of_birth": "1984-03-09"},
    "family name and birth": {"family_name": "okonjo vale", "date_of_birth": "1984-03-09"},
}


@pytest.mark.parametrize("by", SUFFICIENT)
async def test_each_of_these_is_enough_to_find_somebody(by: str, index: Index) -> None:
    known = await put(index, "lbhf", "crm/c-1", a_record(national_insurance_number="GA123456C"))
    other = {"given_names": ["Bartholomew"], "family_name": "Quick", "date_of_birth": "1931-12-01"}
    await put(index, "lbhf", "crm/c-2", other)

    (found,) = await search(index, SUFFICIENT[by])

    assert found["person_id"] == known["person_id"]
    assert found["owner"] == "lbhf"
    assert found["weight"] > 0
    assert 0 <= found["probability"] <= 1
    assert found["summary"] == {
        "given_names": ["Adaeze", "Ruth"],
        "family_name": "Okonjo-Vale",
        "date_of_birth": "1984-03-09",
        "postcode": "W6 9ZZ",
    }


@pytest.mark.parametrize(
    "wanted",
    [{}, {"limit": 5}, {"given_names": ["Adaeze"]}, {"family_name": "Okonjo-Vale"}, {"date_of_birth": "1984-03-09"},
     {"given_names": [], "family_name": "Okonjo-Vale"}, {"postcode": None, "family_name": "Okonjo-Vale"}],
    ids=str,
)  # fmt: skip
async def test_too_little_to_go_on_is_told_by_the_fields_alone(wanted: dict[str, Any], index: Index) -> None:
    answers = [await index.call("POST", "/v1/people/search", searching(), json=wanted)]
    await put(index, "lbhf", "crm/c-1")
    answers.append(await index.call("POST", "/v1/people/search", searching(), json=wanted))
    answers.append(await index.call("POST", "/v1/people/search", searching(grants={}), json=wanted))

    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/too-little-to-go-on")
        assert answer.json()["detail"] == answers[0].json()["detail"]


async def test_a_value_nobody_could_have_finds_nobody_and_is_no_error(index: Index) -> None:
    await put(index, "lbhf", "crm/c-1", a_record(nhs_number="9990000019"))

    assert await search(index, {"nhs_number": "9990000019"}) == []
    assert await search(index, {"postcode": "nowhere"}) == []


async def test_own_people_and_others_are_found_as_far_as_granted(index: Index) -> None:
    ours = await put(index, "lbhf", "crm/c-1")
    theirs = await put(index, "wcc", "crm/w-1")

    assert [one["person_id"] for one in await search(index, NAMED)] == [ours["person_id"]]
    both = await search(index, NAMED, searching("lbhf", "wcc"))
    assert {(one["owner"], one["person_id"]) for one in both} == {
        ("lbhf", ours["person_id"]),
        ("wcc", theirs["person_id"]),
    }


ALL = {**NAMED, "postcode": "W6 9ZZ", "uprn": "999900000017", "phone": "07700 900123",
       "email": "adaeze@example.org", "nhs_number": "9990000018"}  # fmt: skip


@pytest.mark.parametrize("form", [None, Form.EXISTS, Form.BAND])
@pytest.mark.parametrize(
    ("category", "fields"),
    [
        (Category.IDENTITY, ("given_names", "family_name", "date_of_birth")),
        (Category.ADDRESS, ("postcode", "uprn")),
        (Category.CONTACT_DETAILS, ("phone", "email")),
        (Category.IDENTIFIERS, ("nhs_number",)),
    ],
)
async def test_what_is_not_granted_as_a_value_neither_finds_nor_weighs(
    category: Category, fields: tuple[str, ...], form: Form | None, index: Index
) -> None:
    await put(index, "wcc", "crm/w-1")
    granted = {one: Form.VALUE for one in Category if one is not category}
    if form is not None:
        granted[category] = form
    permit = searching(grants=granting("wcc/customer-services", categories=granted))

    withheld_only = {name: ALL[name] for name in fields}
    assert await search(index, withheld_only, permit) == []
    without = await search(index, {name: value for name, value in ALL.items() if name not in fields}, permit)
    right = await search(index, ALL, permit)
    wrong = {"given_names": ["Bo"], "family_name": "Quick", "date_of_birth": "1931-12-01", "postcode": "NW1 9ZZ",
             "uprn": "999900000099", "phone": "07700 900999", "email": "bo@example.net",
             "nhs_number": "9990000026"}  # fmt: skip
    guessed = await search(index, ALL | {name: wrong[name] for name in fields}, permit)
    assert len(right) == 1
    assert right == guessed == without, "a guess at what is withheld must change neither hit nor weight"


async def test_a_guess_at_what_is_withheld_finds_nobody_whom_the_rest_alone_would_not_find(index: Index) -> None:
    theirs = await put(index, "wcc", "crm/w-1")
    open_to_all = granting("wcc/customer-services")
    withheld: dict[Category, Form] = {one: Form.VALUE for one in Category if one is not Category.IDENTIFIERS}
    guess = {"given_names": ["Adaeze"], "nhs_number": "9990000018"}

    assert await search(index, guess, searching(grants=granting("wcc/customer-services", categories=withheld))) == []
    (found,) = await search(index, guess, searching(grants=open_to_all))
    assert found["person_id"] == theirs["person_id"]


async def test_a_person_found_in_one_scope_shows_nothing_of_another(index: Index) -> None:
    await put(index, "wcc", "crm/w-1", a_record(emails=None, addresses=None))
    await put(index, "wcc", "housing/w-2")
    permit = searching(grants=granting("wcc/customer-services"))

    (found,) = await search(index, NAMED, permit)

    assert "postcode" not in found["summary"]
    assert await search(index, {"email": "adaeze@example.org"}, permit) == []


async def test_the_summary_is_limited_to_what_is_granted(index: Index) -> None:
    await put(index, "wcc", "crm/w-1")
    some = {Category.EXISTENCE: Form.VALUE, Category.CONTACT_DETAILS: Form.VALUE, Category.ADDRESS: Form.BAND}

    (found,) = await search(
        index, {"phone": "07700900123"}, searching(grants=granting("wcc/customer-services", categories=some))
    )

    assert found["summary"] == {"postcode": "W6"}


async def test_the_likeliest_come_first_and_no_more_than_asked_for(index: Index) -> None:
    likely = await put(index, "lbhf", "crm/c-0")
    for number, one in enumerate(people(6)):
        flatmate = {**one, "addresses": a_record()["addresses"]}
        del flatmate["local_id"]
        await put(index, "lbhf", f"crm/f-{number}", flatmate)

    found = await search(index, {**NAMED, "postcode": "W6 9ZZ", "uprn": "999900000017"})
    assert found[0]["person_id"] == likely["person_id"]
    weights = [one["weight"] for one in await search(index, {"uprn": "999900000017"})]
    assert len(weights) == 7
    assert weights == sorted(weights, reverse=True)
    few = await search(index, {"uprn": "999900000017", "limit": 3})
    assert few == (await search(index, {"uprn": "999900000017"}))[:3]
