"""Stewards at work: what they are permitted, and what they ask for."""

from typing import Any

from shared.categories import AREA_CLASS, Action, Category, Form, Grants
from shared.permit import Permit
from tests.builders import a_permit, a_record, granting, linking
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, put
from tests.customer_index.test_links import BOTH

TWIN = a_record(given_names=["Chidi"], nhs_number=None)
"""Nearly the usual resident: for a steward to decide."""


def steward(
    org: str = "lbhf", *others: str, action: Action = Action.STEWARD, shown: Grants | None = None, **changes: Any
) -> Permit:
    """Permit a steward everything of its own organisation, and of others what is `shown`, by default all."""
    own = granting(*(f"{org}/{area}" for area in AREA_CLASS))
    theirs = granting(*(f"{other}/{area}" for other in others for area in AREA_CLASS)) if shown is None else shown
    terms: dict[str, Any] = {
        "roles": ("steward",),
        "purpose": "data-stewardship",
        "action": action,
        "grants": {**own, **theirs},
        "linkages": tuple(linking(org, other) for other in others),
    }
    return a_permit(org, **(terms | changes))


def reading(org: str = "lbhf", *others: str, **changes: Any) -> Permit:
    """Permit the same steward to look."""
    return steward(org, *others, action=Action.READ, **changes)


def existence_of(owner: str, *more: Category) -> Grants:
    """Grant the existence of everybody of an owner, and some categories more."""
    granted = dict.fromkeys((Category.EXISTENCE, *more), Form.VALUE)
    return granting(*(f"{owner}/{area}" for area in AREA_CLASS), categories=granted)


async def reviews(index: Index, permit: Permit | None = None, query: str = "") -> list[dict[str, Any]]:
    """Give the reviews a steward sees."""
    answer = await index.call("GET", f"/v1/reviews{query}", permit or reading())
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def act(index: Index, path: str, permit: Permit | None = None, *, status: int = 200, **body: Any) -> Any:
    """Do something as a steward and give the answer, of which the status is known."""
    answer = await index.call("POST", path, permit or steward(), json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def decide(
    index: Index, review: dict[str, Any], decision: str, permit: Permit | None = None, *, status: int = 200
) -> Any:
    """Decide a review."""
    path = f"/v1/reviews/{review['review_id']}/decision"
    return await act(index, path, permit, status=status, decision=decision, note="seen")


async def two_in_review(index: Index) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let lbhf assert two records that only a steward can tell apart."""
    first = await put(index, "lbhf", "crm/c-1")
    second = await put(index, "lbhf", "housing/h-1", TWIN)
    assert second["outcome"] == "review"
    return first, second


async def review_between(index: Index) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let lbhf and wcc, who link, know two people that only stewards can tell apart."""
    ours = await put(index, "lbhf", "crm/c-1")
    theirs = await put(index, "wcc", "crm/w-1", TWIN)
    await index.consume(agreement_changed(*BOTH))
    await index.link()
    return ours, theirs


async def person_of(index: Index, name: str) -> str:
    """Give the person an lbhf record belongs to."""
    source, _, local_id = name.partition("/")
    permit = reading()
    answer = await index.call("GET", f"/v1/sources/{source}/records/{local_id}", permit)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["person_id"])
