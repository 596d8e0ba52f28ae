"""The timeline of a person, made of what a view shows."""

from typing import Any
from uuid import UUID

from gateway.schemas.people import PersonView
from gateway.timeline import timeline_of
from shared.categories import Purpose
from tests.gateway.platform import Platform
from tests.gateway.test_api_calls import ADA, PERSON, a_person

NOBODY = UUID(int=0)


def a_view(**sections: list[dict[str, Any]]) -> PersonView:
    """Make a view that shows some items."""
    empty: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("records", "contacts", "episodes", "cases", "assessments", "referrals")
    }
    return PersonView(
        person_id=NOBODY,
        owner="lbhf",
        as_seen_by="lbhf",
        purpose=Purpose.HOUSING,
        decision_id=NOBODY,
        golden={},
        linked=[],
        household=None,
        withheld=[],
        clauses=[],
        unavailable=[],
        **(empty | sections),
    )


def test_the_newest_comes_first_whatever_it_is() -> None:
    record = {"owner": "lbhf", "record_id": "r", "source": "crm", "observed_at": "2026-03-01T09:00:00+01:00"}
    case = {"owner": "lbhf", "case_id": "c", "lgsl": 92, "status": "open", "opened_at": "2026-03-02T09:00:00Z"}
    contact = {"owner": "lbhf", "contact_id": "k", "channel": "telephone", "recorded_at": "2026-02-01T09:00:00Z"}
    steps = [{"at": "2026-03-03T09:00:00Z"}, {"at": "2026-03-09T09:00:00Z"}]
    referral = {"owner": "lbhf", "referral_id": "f", "to": "shelter-west", "status": "sent", "history": steps}

    told = timeline_of(a_view(records=[record], cases=[case], contacts=[contact], referrals=[referral]))

    assert [(entry.kind, entry.ref) for entry in told] == [
        ("referral", "f"),
        ("case", "c"),
        ("record", "r"),
        ("contact", "k"),
    ]
    assert told[1].summary == "lgsl 92, status open"


def test_what_only_exists_and_what_may_not_be_dated_is_not_on_it() -> None:
    existing = {"owner": "wcc", "service_area": "housing", "exists": True}
    undated = {"owner": "wcc", "record_id": "r", "source": "crm", "observed_at": {"exists": True}}

    assert timeline_of(a_view(cases=[existing], records=[undated])) == []


async def test_a_timeline_needs_a_purpose_like_the_view_it_is_made_of(platform: Platform) -> None:
    platform.behind.answer = a_person

    refused = await platform.call("GET", f"/v1/people/{PERSON}/timeline", ADA)

    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/purpose-required")
