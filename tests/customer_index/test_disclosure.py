"""Disclosure: what a call was not granted is nowhere in its answer, whichever route it takes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from customer_index.fields import FIELDS, bands
from shared.categories import Action, Category, Form, Grants, disclose
from shared.permit import Permit
from tests.builders import AT, a_permit, a_record, facts, granting, write_permit
from tests.customer_index import canaries
from tests.customer_index.conftest import Index

RECORD = "/v1/sources/crm/records/canary"
SCOPE = "lbhf/customer-services"
WITHHELD = list(canaries.FIELDS_OF)


def everything(answer: httpx.Response) -> str:
    """Give an answer's bytes and headers in one text."""
    return answer.content.decode() + "\n".join(f"{name}: {value}" for name, value in answer.headers.items())


@pytest.fixture
async def person_id(index: Index) -> str:
    """A person with a canary in every field, and one more in its home."""
    await index.call(
        "PUT",
        "/v1/sources/crm/records/relative-canary",
        write_permit("lbhf"),
        json=a_record(given_names=["Barnaby"], family_name="Larkrise", addresses=canaries.RECORD["addresses"]),
    )
    answer = await index.call("PUT", RECORD, write_permit("lbhf"), json=dict(canaries.RECORD))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["person_id"])


async def ask_everywhere(index: Index, person_id: str, permit: Permit) -> dict[str, httpx.Response]:
    """Ask every route that gives personal data, by every value a search can go by."""
    asked = {
        path: await index.call("GET", path, permit)
        for path in (
            RECORD,
            f"/v1/people/{person_id}",
            f"/v1/people/{person_id}?include=household",
            f"/v1/people/{person_id}/household",
            f"/v1/people/{person_id}/known",
        )
    }
    searching = replace(permit, action=Action.SEARCH)
    for number, wanted in enumerate(SEARCHES.values()):
        asked[f"search {number}"] = await index.call("POST", "/v1/people/search", searching, json=wanted)
    return asked


SEARCHES: Mapping[Category, Mapping[str, Any]] = {
    Category.IDENTITY: {"given_names": ["Zyxanthe"], "family_name": "Vandersprocket", "date_of_birth": "1951-11-23"},
    Category.ADDRESS: {"postcode": "W6 9ZY", "uprn": "999900004321"},
    Category.CONTACT_DETAILS: {"phone": "07700 900777", "email": "mailbox-canary@example.org"},
    Category.IDENTIFIERS: {"nhs_number": "9990000018", "national_insurance_number": "GA123456C"},
}


def reading(grants: Grants, *, org: str = "lbhf") -> Permit:
    return a_permit(org, grants=grants, source=facts("crm"))


def all_but(*withheld: Category) -> Grants:
    return granting(SCOPE, categories={one: Form.VALUE for one in Category if one not in withheld})


async def test_a_call_that_is_granted_everything_sees_every_value(index: Index, person_id: str) -> None:
    answers = await ask_everywhere(index, person_id, reading(all_but()))

    assert {answer.status_code for answer in answers.values()} == {200}
    view = answers[f"/v1/people/{person_id}"].text
    assert len(canaries.found_in(view, canaries.all_values())) == len(canaries.all_values())
    assert len(answers[f"/v1/people/{person_id}/household"].json()["members"]) == 1
    for number in range(len(SEARCHES)):
        assert person_id in answers[f"search {number}"].text, number


@pytest.mark.parametrize("withheld", WITHHELD)
async def test_nothing_of_a_category_that_is_left_out_leaves(withheld: Category, index: Index, person_id: str) -> None:
    answers = await ask_everywhere(index, person_id, reading(all_but(withheld)))

    for path, answer in answers.items():
        assert answer.status_code == 200, path
        canaries.assert_withheld(everything(answer), category=withheld)
        assert str(withheld) not in answer.headers.get("SCV-Disclosed", ""), path


async def test_without_household_nobody_of_the_household_is_named(index: Index, person_id: str) -> None:
    answers = await ask_everywhere(index, person_id, reading(all_but(Category.HOUSEHOLD)))

    assert answers[f"/v1/people/{person_id}"].json()["household"] is None
    assert answers[f"/v1/people/{person_id}/household"].json() == {"members": [], "basis": []}


@pytest.mark.parametrize("withheld", SEARCHES)
async def test_a_category_that_is_left_out_finds_nobody(withheld: Category, index: Index, person_id: str) -> None:
    searching = a_permit("lbhf", action=Action.SEARCH, grants=all_but(withheld))

    answer = await index.call("POST", "/v1/people/search", searching, json=SEARCHES[withheld])

    assert answer.json() == {"items": []}


@pytest.mark.parametrize("category", WITHHELD)
async def test_a_category_granted_as_exists_tells_only_that(category: Category, index: Index, person_id: str) -> None:
    grants = granting(SCOPE, categories={**dict.fromkeys(Category, Form.VALUE), category: Form.EXISTS})

    answers = await ask_everywhere(index, person_id, reading(grants))

    for path, answer in answers.items():
        assert not canaries.found_in(everything(answer), canaries.values_of(category)), path
    (record,) = answers[f"/v1/people/{person_id}"].json()["records"]
    golden = answers[f"/v1/people/{person_id}"].json()["golden"]
    for name in canaries.FIELDS_OF[category]:
        assert record[name] == {"exists": True}
        assert golden[name]["value"] == {"exists": True}
        assert golden[name]["conflicts"] == []


async def test_a_household_granted_as_exists_tells_only_that(index: Index, person_id: str) -> None:
    grants = granting(SCOPE, categories={**dict.fromkeys(Category, Form.VALUE), Category.HOUSEHOLD: Form.EXISTS})

    answers = await ask_everywhere(index, person_id, reading(grants))

    assert answers[f"/v1/people/{person_id}/household"].json() == {"exists": True}
    assert answers[f"/v1/people/{person_id}"].json()["household"] == {"exists": True}


async def test_a_band_coarsens_and_what_has_no_band_merely_exists(index: Index, person_id: str) -> None:
    grants = granting(SCOPE, categories=dict.fromkeys(Category, Form.BAND))

    answers = await ask_everywhere(index, person_id, reading(grants))

    (record,) = answers[f"/v1/people/{person_id}"].json()["records"]
    assert record["date_of_birth"] == "70-79"
    assert record["date_of_death"] == "2026"
    assert record["addresses"] == [{"postcode": "W6"}]
    assert record["family_name"] == record["phones"] == record["markers"] == {"exists": True}
    for path, answer in answers.items():
        assert not canaries.found_in(everything(answer), canaries.all_values()), path


async def test_without_existence_there_is_no_such_person(index: Index, person_id: str) -> None:
    answers = await ask_everywhere(index, person_id, reading(all_but(Category.EXISTENCE)))

    for path, answer in answers.items():
        if path.startswith("search"):
            assert answer.json() == {"items": []}
        else:
            assert answer.status_code == 404, path
        assert not canaries.found_in(everything(answer), canaries.all_values()), path


async def test_a_scope_that_is_not_granted_is_not_there(index: Index, person_id: str) -> None:
    others = granting("lbhf/housing", "wcc/customer-services", "lbh/customer-services")

    answers = await ask_everywhere(index, person_id, reading(others))

    for path, answer in answers.items():
        assert answer.status_code == (200 if path.startswith("search") else 404), path
        assert person_id not in everything(answer)
        assert not canaries.found_in(everything(answer), canaries.all_values()), path


async def test_of_one_person_each_scope_shows_what_is_granted_there(index: Index, person_id: str) -> None:
    again = {**canaries.RECORD, "addresses": [], "emails": ["another@example.org"]}
    await index.call("PUT", "/v1/sources/housing/records/h-1", write_permit("lbhf", "housing"), json=again)
    grants = {
        **granting(SCOPE, categories={Category.EXISTENCE: Form.VALUE, Category.IDENTITY: Form.VALUE}),
        **granting("lbhf/housing", categories={Category.EXISTENCE: Form.VALUE, Category.CONTACT_DETAILS: Form.VALUE}),
    }

    view = (await index.call("GET", f"/v1/people/{person_id}", reading(grants))).json()

    crm, housing = view["records"]
    assert crm["family_name"] == "Vandersprocket"
    assert "emails" not in crm
    assert housing["emails"] == ["another@example.org"]
    assert "family_name" not in housing


async def test_the_account_of_what_left_names_just_that(index: Index, person_id: str) -> None:
    grants = granting(SCOPE, categories={Category.EXISTENCE: Form.VALUE, Category.ADDRESS: Form.BAND})

    answer = await index.call("GET", f"/v1/people/{person_id}", reading(grants))

    record_id = answer.json()["records"][0]["record_id"]
    account = httpx.Response(200, content=answer.headers["SCV-Disclosed"]).json()
    assert account == {
        "scopes": {SCOPE: ["address", "existence"]},
        "records": [f"lbhf/{record_id}@1"],
        "persons": {person_id: "lbhf"},
    }


def test_the_search_for_canaries_bites() -> None:
    """The control: a field put into the wrong category is noticed by the very search the tests above rely on."""
    granted: dict[Category, Form] = dict.fromkeys(Category, Form.VALUE)
    del granted[Category.IDENTIFIERS]
    mistaken = {**FIELDS, "nhs_number": Category.IDENTITY}

    right = disclose(canaries.RECORD, fields=FIELDS, granted=granted, bands=bands(AT.date()))
    canaries.assert_withheld(_json(right), category=Category.IDENTIFIERS)

    wrong = disclose(canaries.RECORD, fields=mistaken, granted=granted, bands=bands(AT.date()))
    with pytest.raises(AssertionError, match="identifiers"):
        canaries.assert_withheld(_json(wrong), category=Category.IDENTIFIERS)
    for category in WITHHELD:
        with pytest.raises(AssertionError):
            canaries.assert_withheld(_json(canaries.RECORD), category=category)


def _json(value: Any) -> str:
    return httpx.Request("POST", "http://x", json=value).content.decode()
