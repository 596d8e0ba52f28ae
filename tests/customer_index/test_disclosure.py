"""What may be handed over with a referral: the values a golden view is made of, each with the cell that lets it out."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from customer_index.golden import golden_view, surviving_fields
from shared.categories import Action, Category, Form, Scope
from tests.builders import a_permit, a_record, granting, write_permit
from tests.customer_index.conftest import Index
from tests.customer_index.test_golden import TODAY, a_disclosed

names = st.sampled_from(["Ash", "Birch", "Cedar"])
records = st.lists(
    st.builds(
        lambda local_id, trust, fields: a_disclosed(local_id, trust=trust, fields=fields),
        st.uuids().map(str),
        st.integers(1, 3),
        st.fixed_dictionaries(
            {}, optional={"family_name": names, "phones": st.lists(names, min_size=1, max_size=2, unique=True)}
        ),
    ),
    max_size=5,
)


@given(known=records)
def test_the_values_that_survive_are_those_of_the_golden_view(known: list[Any]) -> None:
    golden = golden_view(known, today=TODAY)
    survivors = [(name, known[index].fields[name]) for index, name in surviving_fields(known)]

    assert [value for name, value in survivors if name == "family_name"] == [
        golden[name]["value"] for name in golden if name == "family_name"
    ]
    phones = [phone for name, value in survivors if name == "phones" for phone in value]
    assert list(dict.fromkeys(phones)) == (golden["phones"]["value"] if "phones" in golden else [])


async def test_only_what_the_permit_grants_is_handed_over_each_value_with_its_cell(index: Index) -> None:
    put = await index.call("PUT", "/v1/sources/crm/records/c-1", write_permit("lbhf"), json=a_record())
    await index.call(
        "PUT",
        "/v1/sources/housing/records/h-1",
        write_permit("lbhf", "housing"),
        json=a_record(phones=["07700 900124"]),
    )
    path = f"/v1/people/{put.json()['person_id']}/disclosure"
    flow = {Category.EXISTENCE: Form.VALUE, Category.CONTACT_DETAILS: Form.VALUE, Category.ADDRESS: Form.EXISTS}
    housing = Scope("lbhf/housing")

    def permit(**changes: Any) -> Any:
        return a_permit("lbhf", action=Action.REFER, grants=granting(housing, categories=flow), **changes)

    told = await index.call("GET", path, permit())
    nobody = await index.call("GET", path, a_permit("wcc", action=Action.REFER))
    looking = await index.call("GET", path, a_permit("lbhf"))

    entries = {entry["field"]: entry for entry in told.json()["entries"]}
    assert {(entry["scope"], entry["category"], entry["form"]) for entry in entries.values()} == {
        (housing, "contact_details", "value"),
        (housing, "address", "exists"),
    }
    assert entries["phones"]["value"] == ["07700 900124"]
    assert entries["addresses"]["value"] == {"exists": True}
    assert "Okonjo" not in told.text
    assert "900123" not in told.text
    assert (nobody.status_code, looking.status_code) == (404, 401)
