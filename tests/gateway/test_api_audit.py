"""The audit as it is read: by the resident, by information-governance leads, and not by the application at large."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import Request, Response
from sqlalchemy import text

from shared.permit import Permit
from tests.builders import AT
from tests.gateway.platform import Platform
from tests.gateway.test_api_calls import ADA, LINKED, PERSON, WILL, a_person, disclosing


async def test_the_resident_is_told_who_looked(platform: Platform) -> None:
    await platform.agree()
    platform.behind.answer = a_person
    await platform.call("GET", f"/v1/people/{PERSON}/household", ADA, purpose="housing")
    await platform.call("POST", "/v1/people/search", WILL, purpose="homelessness", json={})

    path = f"/v1/people/{PERSON}/access-log"
    log = (await platform.call("GET", path, "lbhf/ig/ig-lead", purpose="subject-rights")).json()
    first = (await platform.call("GET", f"{path}?limit=1", ADA, purpose="housing")).json()
    rest = (await platform.call("GET", f"{path}?limit=1&cursor={first['next']}", ADA, purpose="housing")).json()

    assert [(one["organisation"], one["role"], one["purpose"], one["action"]) for one in log["items"]] == [
        ("wcc", "caseworker", "homelessness", "search"),
        ("lbhf", "caseworker", "housing", "read"),
    ]
    assert log["items"][0]["categories"] == ["existence", "identity"]
    assert [first["items"], rest["items"]] == [log["items"][:1], log["items"][1:]]
    assert rest["next"] is None


async def test_the_application_can_change_no_audit_row(platform: Platform) -> None:
    await platform.call("GET", "/v1/organisations", ADA)

    for statement in ("UPDATE audit SET subject = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(Exception, match="permission denied"):
            await run(platform, statement)
    assert await run(platform, "SELECT count(*) FROM audit") == 0, "out of context"
    assert await run(platform, "SELECT count(*) FROM staff") == 0
    assert await run(platform, "SELECT count(*) FROM audit_persons") == 0


async def run(platform: Platform, statement: str) -> Any:
    """Run SQL as the application role without a context."""
    async with platform.app.state.database.transaction() as tx:
        result = await tx.execute(text(statement))
        return result.scalar_one() if result.returns_rows else None


async def test_an_owner_is_told_nothing_of_what_a_call_saw_of_others(platform: Platform) -> None:
    await platform.agree()

    async def of_both(_: Permit, __: Request) -> Response:
        scopes = {"lbhf/housing": ["existence"], "wcc/housing": ["existence"]}
        return disclosing(scopes, {PERSON: "lbhf", LINKED: "wcc"}, {"items": []})

    platform.behind.answer = of_both
    await platform.call("POST", "/v1/people/search", WILL, purpose="homelessness", json={})

    [told] = [row for row in await platform.audited("lbhf", owner="lbhf") if row["action"] == "search"]
    [own] = [row for row in await platform.audited("wcc") if row["action"] == "search"]

    assert (told["person_ids"], list(told["scopes"])) == ([str(PERSON)], ["lbhf/housing"])
    assert set(own["person_ids"]) == {str(PERSON), str(LINKED)}


async def test_a_page_leads_on_for_its_reader_and_its_question_only(platform: Platform) -> None:
    reader, colleague, stranger = "lbhf/ig/ig-lead", "lbhf/ike/ig-lead", "wcc/ig/ig-lead"
    await platform.enter(colleague)
    for _ in range(2):
        await platform.call("GET", "/v1/organisations", ADA)
    cursor = (await platform.call("GET", "/v1/audit", reader, params={"limit": 1})).json()["next"]

    async def status(who: str, **asked: str) -> int:
        return (await platform.call("GET", "/v1/audit", who, params={"cursor": cursor, **asked})).status_code

    assert await status(reader) == 200
    assert [await status(colleague), await status(stranger), await status(reader, subject="ada")] == [400, 400, 400]


async def test_a_period_may_be_given_in_days(platform: Platform) -> None:
    await platform.call("GET", "/v1/organisations", ADA)
    day, next_day = AT.date(), AT.date() + timedelta(days=1)

    inside = await platform.call("GET", f"/v1/audit?from={day}&to={next_day}", "lbhf/ig/ig-lead")
    before = await platform.call("GET", f"/v1/audit?from=2001-01-01&to={day}", "lbhf/ig/ig-lead")

    assert inside.json()["items"]
    assert before.json()["items"] == []


@pytest.mark.parametrize("bound", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "0.5", "1782896400"])
async def test_a_bound_that_no_calendar_holds_or_is_a_number_is_told_apart_from_a_fault(
    platform: Platform, bound: str
) -> None:
    refused = await platform.call("GET", "/v1/audit", "lbhf/ig/ig-lead", params={"to": bound})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "?to")
