"""Links: persons of two owners are one human being only while both owners, the areas and the sources allow it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Category, Form
from shared.permit import Linkage, Permit
from tests.builders import ORDINARY_AREAS, a_permit, a_record, granting, linking, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, linked_boroughs, put, source_changed

BOTH = (("lbhf", "wcc"), ("wcc", "lbhf"))
OTHER_AGREEMENT = UUID("00000000-0000-4000-8000-0000000000a2")


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


def seeing(org: str = "lbhf", *others: str, linkages: tuple[Linkage, ...] | None = None, **changes: Any) -> Permit:
    """Permit a worker to see the ordinary areas of some owners, and the links between all of them."""
    owners = sorted({org, *others})
    pairs = tuple(linking(one, two) for place, one in enumerate(owners) for two in owners[place + 1 :])
    scopes = [f"{owner}/{area}" for owner in owners for area in ORDINARY_AREAS]
    return a_permit(org, grants=granting(*scopes), linkages=pairs if linkages is None else linkages, **changes)


async def linked(index: Index, person_id: str, permit: Permit) -> list[tuple[str, str]]:
    """Give the owner and person of everyone linked in a view."""
    view = (await index.call("GET", f"/v1/people/{person_id}", permit)).json()
    return [(one["owner"], one["person_id"]) for one in view["linked"]]


async def owners_shown(index: Index, person_id: str, permit: Permit) -> set[str]:
    view = (await index.call("GET", f"/v1/people/{person_id}", permit)).json()
    return {record["owner"] for record in view["records"]}


async def test_two_owners_who_grant_each_other_linkage_see_one_human_being(index: Index) -> None:
    ours, theirs = await linked_boroughs(index)

    assert await linked(index, ours, seeing("lbhf", "wcc")) == [("wcc", theirs)]
    assert await linked(index, theirs, seeing("wcc", "lbhf")) == [("lbhf", ours)]
    assert await owners_shown(index, ours, seeing("lbhf", "wcc")) == {"lbhf", "wcc"}
    view = (await index.call("GET", f"/v1/people/{ours}", seeing("lbhf", "wcc"))).json()
    assert view["linked"][0]["link"] == "automatic"
    assert view["linked"][0]["probability"] > 0.99


async def test_a_link_changes_neither_person(index: Index, admin: AsyncEngine) -> None:
    ours = await put(index, "lbhf", "crm/c-1")
    theirs = await put(index, "wcc", "crm/w-1")
    before = await behind.contents(admin)
    await index.consume(agreement_changed(*BOTH))
    await index.link()
    after = await behind.contents(admin)

    assert ours["person_id"] != theirs["person_id"]
    changed = {table for table in after if after[table] != before[table]}
    assert changed == {"inbox", "linkage_flows", "link_queue", "links"}


@pytest.mark.parametrize(
    "agreements",
    [
        [],
        [agreement_changed(("lbhf", "wcc"))],
        [agreement_changed(("wcc", "lbhf"))],
        [agreement_changed(("lbhf", "rbkc"), ("rbkc", "wcc"))],
        [agreement_changed(*BOTH, status="draft")],
        [agreement_changed(*BOTH, status="suspended")],
        [agreement_changed(*BOTH, valid_from=datetime(2026, 7, 2, tzinfo=UTC))],
        [agreement_changed(*BOTH, valid_until=datetime(2026, 7, 1, tzinfo=UTC))],
    ],
    ids=["none", "one way", "the other way", "through a third", "draft", "suspended", "not yet", "no longer"],
)
async def test_without_both_directions_in_force_nobody_is_compared(
    agreements: list[Any], index: Index, admin: AsyncEngine
) -> None:
    await put(index, "lbhf", "crm/c-1")
    await put(index, "wcc", "crm/w-1")
    for told in agreements:
        await index.consume(told)
    await index.link()

    assert await behind.count(admin, "links") == 0
    assert await behind.count(admin, "reviews") == 0


async def test_the_two_directions_may_stand_in_different_agreements(index: Index, admin: AsyncEngine) -> None:
    await put(index, "lbhf", "crm/c-1")
    await put(index, "wcc", "crm/w-1")
    await index.consume(agreement_changed(("lbhf", "wcc")))
    await index.consume(agreement_changed(("wcc", "lbhf"), agreement_id=OTHER_AGREEMENT))
    await index.link()

    assert await behind.count(admin, "links") == 1


async def test_two_clauses_in_one_direction_open_the_areas_of_both(index: Index, admin: AsyncEngine) -> None:
    await put(index, "lbhf", "housing/c-1")
    await put(index, "wcc", "crm/w-1")
    clauses = (("lbhf", "wcc", ["benefits"]), ("lbhf", "wcc", ["housing"]), ("wcc", "lbhf"))
    await index.consume(agreement_changed(*clauses))
    await index.link()

    assert await behind.count(admin, "links") == 1


@pytest.mark.parametrize("facts", [{"linkage": "own"}, {"statutory_bar": "RPR 2001"}], ids=["own", "barred"])
@pytest.mark.parametrize("owner", ["lbhf", "wcc"])
async def test_a_source_kept_to_its_owner_is_never_compared(
    facts: dict[str, Any], owner: str, index: Index, admin: AsyncEngine
) -> None:
    for one in ("lbhf", "wcc"):
        await put(index, one, "crm/c-1", a_record(), **(facts if one == owner else {}))
    await index.consume(agreement_changed(*BOTH))
    await index.link()

    assert await behind.count(admin, "links") == 0
    assert await behind.count(admin, "reviews") == 0


async def test_a_source_registered_anew_as_its_owners_own_loses_its_links(index: Index, admin: AsyncEngine) -> None:
    await put(index, "lbhf", "crm/c-1")
    await put(index, "wcc", "crm/w-1")
    await index.consume(agreement_changed(*BOTH))
    await index.link()
    assert await behind.count(admin, "links") == 1

    await index.consume(source_changed("wcc", "crm", linkage="own"))
    await index.link()

    assert await behind.count(admin, "links") == 0


async def test_only_records_of_the_areas_opened_are_compared(index: Index, admin: AsyncEngine) -> None:
    await put(index, "lbhf", "crm/c-1")
    await put(index, "wcc", "crm/w-1")
    await index.consume(agreement_changed(("lbhf", "wcc", ["housing"]), ("wcc", "lbhf")))
    await index.link()
    assert await behind.count(admin, "links") == 0

    await index.consume(agreement_changed(("lbhf", "wcc", ["customer-services"]), ("wcc", "lbhf"), version=2))
    await index.link()
    assert await behind.count(admin, "links") == 1


async def test_linked_by_one_area_the_records_of_others_show_as_granted(index: Index) -> None:
    ours = await put(index, "lbhf", "crm/c-1")
    await put(index, "wcc", "crm/w-1")
    await put(index, "wcc", "housing/w-2")
    await index.consume(agreement_changed(("lbhf", "wcc"), ("wcc", "lbhf", ["customer-services"])))
    await index.link()
    areas = (frozenset(ORDINARY_AREAS), frozenset(["customer-services"]))

    permit = seeing("lbhf", "wcc", linkages=(Linkage("lbhf", "wcc", *areas),))
    view = (await index.call("GET", f"/v1/people/{ours['person_id']}", permit)).json()

    assert {record["source"] for record in view["records"] if record["owner"] == "wcc"} == {"crm", "housing"}


async def test_a_permit_that_opens_other_areas_shows_no_link(index: Index) -> None:
    ours, _ = await linked_boroughs(index)
    elsewhere = frozenset(["electoral"])

    permit = seeing("lbhf", "wcc", linkages=(Linkage("lbhf", "wcc", elsewhere, elsewhere),))

    assert await linked(index, ours, permit) == []
    assert await owners_shown(index, ours, permit) == {"lbhf"}


async def test_a_suspension_removes_links_with_the_event(index: Index, admin: AsyncEngine) -> None:
    await linked_boroughs(index)
    assert await behind.count(admin, "links") == 1

    await index.consume(agreement_changed(version=2, status="suspended"))

    assert await behind.count(admin, "links") == 0
    await index.consume(agreement_changed(*BOTH, version=3))
    await index.link()
    assert await behind.count(admin, "links") == 1


async def test_a_permit_without_the_pair_hides_a_link_before_any_event(index: Index) -> None:
    ours, theirs = await linked_boroughs(index)
    permit = seeing("lbhf", "wcc", linkages=())

    assert await linked(index, ours, permit) == []
    assert await owners_shown(index, ours, permit) == {"lbhf"}
    assert await owners_shown(index, theirs, permit) == {"wcc"}


async def test_without_existence_a_linked_person_is_not_there(index: Index) -> None:
    ours, theirs = await linked_boroughs(index)
    grants = {
        **granting(*(f"lbhf/{area}" for area in ORDINARY_AREAS)),
        **granting(*(f"wcc/{area}" for area in ORDINARY_AREAS), categories={Category.LINKAGE: Form.VALUE}),
    }
    permit = a_permit("lbhf", grants=grants, linkages=(linking("lbhf", "wcc"),))

    answer = await index.call("GET", f"/v1/people/{ours}", permit)

    assert answer.json()["linked"] == []
    assert theirs not in answer.text
    assert "wcc" not in answer.text + answer.headers["SCV-Disclosed"]
    assert (await index.call("GET", f"/v1/people/{theirs}", permit)).status_code == 404


async def test_a_view_of_one_owners_person_never_reaches_through_a_third(index: Index, admin: AsyncEngine) -> None:
    persons = {owner: (await put(index, owner, "crm/c-1"))["person_id"] for owner in ("lbhf", "rbkc", "wcc")}
    await index.consume(agreement_changed(("lbhf", "rbkc"), ("rbkc", "lbhf"), ("rbkc", "wcc"), ("wcc", "rbkc")))
    await index.link()
    assert await behind.count(admin, "links") == 2
    permit = seeing("lbhf", "rbkc", "wcc", linkages=(linking("lbhf", "rbkc"), linking("rbkc", "wcc")))

    assert await owners_shown(index, persons["lbhf"], permit) == {"lbhf", "rbkc"}
    assert await owners_shown(index, persons["rbkc"], permit) == {"lbhf", "rbkc", "wcc"}
    assert await owners_shown(index, persons["wcc"], permit) == {"rbkc", "wcc"}


async def test_a_withdrawn_record_takes_the_link_with_it(index: Index, admin: AsyncEngine) -> None:
    ours, _ = await linked_boroughs(index)

    await index.call("DELETE", "/v1/sources/crm/records/w-1", write_permit("wcc"))
    await index.link()

    assert await behind.count(admin, "links") == 0
    assert await linked(index, ours, seeing("lbhf", "wcc")) == []


async def test_a_corrected_record_loses_the_link_and_may_find_another(index: Index, admin: AsyncEngine) -> None:
    ours, theirs = await linked_boroughs(index)
    somebody = a_record(
        given_names=["Bartholomew"], family_name="Quick", date_of_birth="1931-12-01", gender="male",
        nhs_number=None, addresses=None, phones=None, emails=["bq@example.net"],
    )  # fmt: skip

    await put(index, "wcc", "crm/w-1", somebody)
    await index.link()
    assert await behind.count(admin, "links") == 0

    await put(index, "wcc", "crm/w-1")
    await index.link()
    assert await linked(index, ours, seeing("lbhf", "wcc")) == [("wcc", theirs)]


async def test_a_link_that_only_a_steward_can_decide_waits_for_one(index: Index, admin: AsyncEngine) -> None:
    await put(index, "lbhf", "crm/c-1")
    await put(index, "wcc", "crm/w-1", a_record(nhs_number="9990000026"))
    await index.consume(agreement_changed(*BOTH))
    await index.link()

    assert await behind.count(admin, "links") == 0
    assert await behind.ask(admin, "SELECT kind, first_owner, second_owner FROM reviews") == [("link", "lbhf", "wcc")]


async def test_an_event_told_twice_or_out_of_turn_does_nothing(index: Index, admin: AsyncEngine) -> None:
    await linked_boroughs(index)
    await index.consume(agreement_changed(*BOTH, version=2))
    await index.consume(source_changed("wcc", "crm"))
    await index.link()
    before = await behind.contents(admin)

    await index.consume(agreement_changed(*BOTH, version=2))
    await index.consume(agreement_changed(version=1, status="suspended"))
    await index.consume(source_changed("wcc", "crm", linkage="own"))

    assert await behind.contents(admin) == before


async def test_a_barred_source_stays_with_its_owner_whatever_is_granted(index: Index) -> None:
    theirs = await put(index, "wcc", "crm/w-1")
    permit = seeing("lbhf", "wcc", barred=("wcc/crm",))

    assert (await index.call("GET", f"/v1/people/{theirs['person_id']}", permit)).status_code == 404
    own = seeing("wcc", barred=("wcc/crm",))
    assert await owners_shown(index, theirs["person_id"], own) == {"wcc"}
