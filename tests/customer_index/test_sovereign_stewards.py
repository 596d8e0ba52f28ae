"""What a steward is told depends on no other borough, unless both link and the other lets its people be known."""

from typing import Any

import pytest

from shared.permit import Permit
from tests.builders import a_record, linking
from tests.conftest import empty
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, put
from tests.customer_index.stewarding import TWIN, existence_of, reading, steward
from tests.customer_index.test_links import BOTH
from tests.customer_index.test_records import SOMEBODY_ELSE
from tests.customer_index.test_sovereignty import Transcript

RECORDS = {"crm/c-1": a_record(), "housing/h-1": TWIN, "benefits/b-1": SOMEBODY_ELSE, "council-tax/t-1": a_record()}


async def at_work(index: Index, look: Permit, do: Permit) -> list[str]:
    """Let a steward of lbhf review, decide, merge, split and undo, and give all it was told."""
    told = Transcript()

    async def call(method: str, path: str, permit: Permit, **sent: Any) -> Any:
        answer = await index.call(method, path, permit, **sent)
        told.note(answer)
        await index.link()
        return answer.json()

    known = {name: await put(index, "lbhf", name, record) for name, record in RECORDS.items()}
    await index.link()
    (review, *_) = (await call("GET", "/v1/reviews", look))["items"]
    decided = await call("POST", f"/v1/reviews/{review['review_id']}/decision", do, json={"decision": "match"})
    await call("GET", "/v1/reviews?status=decided", look)
    await call("POST", f"/v1/stewardship/{decided['stewardship_id']}/undo", do)
    one, other = (known[name]["person_id"] for name in ("crm/c-1", "benefits/b-1"))
    merged = await call("POST", f"/v1/people/{one}/merge", do, json={"other": other, "reason": "one"})
    await call("GET", "/v1/reviews", look)
    await call("POST", f"/v1/stewardship/{merged['stewardship_id']}/undo", do)
    parted = {"records": [known["council-tax/t-1"]["record_id"]], "reason": "two"}
    await call("POST", f"/v1/people/{one}/split", do, json=parted)
    for path in ("/v1/reviews", "/v1/reviews?status=decided", f"/v1/people/{one}"):
        await call("GET", path, look)
    return told.answers


@pytest.mark.parametrize("agreed", ["nothing", "linkage alone", "existence alone"])
async def test_a_steward_is_told_the_same_whoever_is_known_elsewhere(agreed: str, index: Index, admins: Any) -> None:
    shown = existence_of("wcc") if agreed == "existence alone" else {}
    pairs = (linking("lbhf", "wcc"),) if agreed == "linkage alone" else ()
    look = reading("lbhf", shown=shown, linkages=pairs)
    do = steward("lbhf", shown=shown, linkages=pairs)
    told = []
    for others in ({}, RECORDS):
        await empty(admins["customer_index"])
        for name, record in others.items():
            await put(index, "wcc", name, record)
        if agreed == "linkage alone":
            await index.consume(agreement_changed(*BOTH))
        told.append(await at_work(index, look, do))

    assert told[0] == told[1]
    assert len(told[0]) == 11
