"""Households: who shares a home at the same time, or is named as related, as far as both sides grant it."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from customer_index.household import HouseholdRecord, Membership, memberships
from customer_index.normalise import Features, Residence
from shared.categories import Category, Form, Protection
from shared.permit import Permit
from tests.builders import a_permit, a_record, granting, write_permit
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, put
from tests.customer_index.protecting import caller, clearance, protect, view
from tests.customer_index.test_links import BOTH, seeing


def living(*stays: tuple[str, str, str], **changes: Any) -> HouseholdRecord:
    """Make a record of somebody who lived at some UPRNs, each with start and end."""
    known: dict[str, Any] = {
        "record_id": uuid4(),
        "person_id": uuid4(),
        "owner": "lbhf",
        "source": "crm",
        "local_id": "c-1",
        "features": Features(
            residences=tuple(Residence(uprn=uprn, start=start, end=end) for uprn, start, end in stays)
        ),
        "relationships": (),
    }
    return HouseholdRecord(**(known | changes))


HOME = "999900000017"


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [
        (("2019-05-01", ""), ("2020-01-01", ""), ("2020-01-01", "")),
        (("2019-05-01", "2021-01-01"), ("2020-01-01", ""), ("2020-01-01", "2021-01-01")),
        (("", ""), ("", ""), ("", "")),
        (("", "2021-01-01"), ("2020-06-01", "2020-07-01"), ("2020-06-01", "2020-07-01")),
        (("2019-05-01", "2020-01-01"), ("2020-01-01", ""), None),
        (("2019-05-01", "2020-01-01"), ("2020-01-02", ""), None),
        (("2022-01-01", ""), ("", "2021-12-31"), None),
    ],
)
def test_who_lives_in_one_home_at_one_time_is_a_household(
    mine: tuple[str, str], theirs: tuple[str, str], shared: tuple[str, str] | None
) -> None:
    one, other = living((HOME, *mine)), living((HOME, *theirs))

    for person, rest in ((one, other), (other, one)):
        found = memberships([person], [rest])
        expected = [] if shared is None else [Membership(rest.person_id, "resident", "address", *shared)]
        assert found == expected


def test_neighbours_are_no_household() -> None:
    assert memberships([living((HOME, "", ""))], [living(("999900000018", "", ""))]) == []
    assert memberships([living()], [living()]) == []


@pytest.mark.parametrize(
    ("kind", "seen_from_there"),
    [("parent", "child"), ("child", "parent"), ("spouse", "spouse"), ("sibling", "sibling"), ("carer", "cared-for")],
)
def test_a_relationship_is_known_from_both_ends(kind: str, seen_from_there: str) -> None:
    telling = living(local_id="c-1", relationships=[{"kind": kind, "local_id": "c-2"}])
    told_of = living(local_id="c-2")

    assert memberships([telling], [told_of]) == [Membership(told_of.person_id, kind, "relationship", "", "")]
    (back,) = memberships([told_of], [telling])
    assert (back.person_id, back.role) == (telling.person_id, seen_from_there)


def test_a_relationship_holds_inside_its_source_only() -> None:
    telling = living(local_id="c-1", relationships=[{"kind": "parent", "local_id": "c-2"}])

    assert memberships([telling], [living(local_id="c-2", source="housing")]) == []
    assert memberships([telling], [living(local_id="c-2", owner="wcc")]) == []


def test_a_relative_in_the_same_home_is_named_once_and_relatives_come_first() -> None:
    flatmate = living((HOME, "", ""), local_id="c-3", person_id=UUID(int=1))
    child = living((HOME, "", ""), local_id="c-2", person_id=UUID(int=2))
    person = living((HOME, "", ""), relationships=[{"kind": "child", "local_id": "c-2"}])

    found = memberships([person], [flatmate, child])

    assert [(one.person_id, one.role) for one in found] == [
        (child.person_id, "child"),
        (flatmate.person_id, "resident"),
    ]


AMBER = a_record(given_names=["Amber"], family_name="Larkrise", date_of_birth="1990-02-03", nhs_number=None,
                 phones=None, emails=None)  # fmt: skip
BRYN = a_record(given_names=["Bryn"], family_name="Thornbury", date_of_birth="1971-08-21", gender="male",
                nhs_number=None, phones=None, emails=None)  # fmt: skip
AWAY = {"addresses": None}


async def household(index: Index, person_id: str, permit: Permit) -> Any:
    """Ask for a household by its own route and in the view, which have to agree."""
    alone = (await index.call("GET", f"/v1/people/{person_id}/household", permit)).json()
    view = (await index.call("GET", f"/v1/people/{person_id}?include=household", permit)).json()
    assert view["household"] == alone or (view["household"] is None and alone == {"members": [], "basis": []})
    return alone


async def test_people_of_one_home_see_each_other(index: Index) -> None:
    amber, bryn = await put(index, "lbhf", "crm/a", AMBER), await put(index, "lbhf", "housing/b", BRYN)

    for one, other in ((amber, bryn), (bryn, amber)):
        assert await household(index, one["person_id"], a_permit("lbhf")) == {
            "members": [{"person_id": other["person_id"], "role": "resident", "from": "2019-05-01", "until": None}],
            "basis": ["address"],
        }


async def test_a_household_is_not_given_where_it_was_not_asked_for(index: Index) -> None:
    amber, _ = await put(index, "lbhf", "crm/a", AMBER), await put(index, "lbhf", "housing/b", BRYN)

    view = await index.call("GET", f"/v1/people/{amber['person_id']}?include=contacts", a_permit("lbhf"))

    assert view.json()["household"] is None


async def test_a_relationship_waits_for_the_record_it_names(index: Index) -> None:
    telling = {**AMBER, **AWAY, "relationships": [{"kind": "parent", "local_id": "b"}]}
    telling.pop("addresses")
    amber = await put(index, "lbhf", "crm/a", telling)
    assert await household(index, amber["person_id"], a_permit("lbhf")) == {"members": [], "basis": []}

    bryn = await put(index, "lbhf", "crm/b", {**BRYN, "addresses": []})

    there = await household(index, amber["person_id"], a_permit("lbhf"))
    back = await household(index, bryn["person_id"], a_permit("lbhf"))
    assert [(one["person_id"], one["role"]) for one in there["members"]] == [(bryn["person_id"], "parent")]
    assert [(one["person_id"], one["role"]) for one in back["members"]] == [(amber["person_id"], "child")]
    assert there["basis"] == back["basis"] == ["relationship"]


async def test_a_relationship_is_gone_with_the_record_that_told_of_it(index: Index) -> None:
    await put(
        index, "lbhf", "crm/a", {**AMBER, "addresses": [], "relationships": [{"kind": "parent", "local_id": "b"}]}
    )
    bryn = await put(index, "lbhf", "crm/b", {**BRYN, "addresses": []})

    await put(index, "lbhf", "crm/a", {**AMBER, "addresses": []})
    assert (await household(index, bryn["person_id"], a_permit("lbhf")))["members"] == []

    await put(
        index, "lbhf", "crm/a", {**AMBER, "addresses": [], "relationships": [{"kind": "parent", "local_id": "b"}]}
    )
    assert len((await household(index, bryn["person_id"], a_permit("lbhf")))["members"]) == 1
    await index.call("DELETE", "/v1/sources/crm/records/a", write_permit("lbhf"))
    assert (await household(index, bryn["person_id"], a_permit("lbhf")))["members"] == []


@pytest.mark.parametrize("form", [None, Form.EXISTS, Form.BAND])
@pytest.mark.parametrize("side", ["lbhf/customer-services", "lbhf/housing"])
async def test_a_household_needs_the_grant_on_both_sides(side: str, form: Form | None, index: Index) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    bryn = await put(index, "lbhf", "housing/b", BRYN)
    less: dict[Category, Form] = dict.fromkeys(Category, Form.VALUE)
    del less[Category.HOUSEHOLD]
    if form is not None:
        less[Category.HOUSEHOLD] = form
    grants = {**granting("lbhf/customer-services", "lbhf/housing"), **granting(side, categories=less)}

    for one, other in ((amber, bryn), (bryn, amber)):
        answer = await index.call("GET", f"/v1/people/{one['person_id']}/household", a_permit("lbhf", grants=grants))
        assert answer.status_code == 200
        assert other["person_id"] not in answer.text + answer.headers["SCV-Disclosed"]


async def test_another_owners_resident_shows_only_beside_a_linked_person(index: Index) -> None:
    ours = await put(index, "lbhf", "crm/a", AMBER)
    theirs = await put(index, "wcc", "crm/b", BRYN)
    permit = seeing("lbhf", "wcc")
    assert (await household(index, ours["person_id"], permit))["members"] == []

    await put(index, "wcc", "crm/a", AMBER)
    await index.consume(agreement_changed(*BOTH))
    await index.link()

    found = await household(index, ours["person_id"], permit)
    assert [one["person_id"] for one in found["members"]] == [theirs["person_id"]]
    assert (await household(index, ours["person_id"], seeing("lbhf")))["members"] == []


@pytest.mark.parametrize("scheme", [Protection.REFUGE, Protection.ADOPTION])
async def test_nobody_is_told_of_a_relationship_to_who_is_protected(scheme: Protection, index: Index) -> None:
    related = [{"kind": "child", "local_id": "b"}, {"kind": "partner", "local_id": "c"}]
    amber = (await put(index, "lbhf", "crm/a", AMBER | {"relationships": related}))["person_id"]
    bryn = (await put(index, "lbhf", "crm/b", {**BRYN, "addresses": []}))["person_id"]
    cleo = a_record(given_names=["Cleo"], family_name="Quill", date_of_birth="1988-12-01", nhs_number=None, phones=None)
    await put(index, "lbhf", "crm/c", cleo | {"addresses": [], "emails": []})
    before = await view(index, amber, caller("wcc", "lbhf"))
    assert before["records"][0]["relationships"] == related
    await protect(index, bryn, scheme)

    for org in ("lbhf", "wcc"):
        seen = await view(index, amber, caller(org, "lbhf"))
        assert seen["records"][0]["relationships"] == related[1:]
        assert "child" not in str(seen["golden"]["relationships"])
    record = (await index.call("GET", "/v1/sources/crm/records/a", caller())).json()
    assert record["relationships"] == related[1:]
    cleared = await view(index, amber, caller(cleared=clearance("lbhf")))
    assert cleared["records"][0]["relationships"] == related
