"""Generated worlds: organisations, agreements, bars and callers, as plain data and as what the policy takes.

In this room: Hypothesis strategies and the translation into the gateway's own values. Not in this room: what should
follow from a world (`oracle`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from gateway.agreement import AgreementContent
from gateway.governance import Agreement, BarredSource, Governance, compile_governance
from gateway.lifecycle import AgreementStatus
from gateway.organisation import OrganisationKind
from gateway.standing import Caller, Standing
from shared.categories import Purpose, Role
from tests.gateway.oracle import AREAS, CATEGORIES, FORMS

KINDS = {"lbhf": "borough", "wcc": "borough", "rbkc": "borough", "shelter-west": "partner", "platform": "operator"}
TODAY = date(2026, 6, 15)
NOON = datetime.combine(TODAY, time(12), UTC)
BAR = "Social Security Administration Act 1992"

near_today = st.integers(-3, 3).map(lambda days: TODAY + timedelta(days=days))
some_roles = st.lists(st.sampled_from([role.value for role in Role]), min_size=1, max_size=3, unique=True)
some_purposes = st.lists(st.sampled_from([each.value for each in Purpose]), min_size=1, max_size=3, unique=True)


@st.composite
def flows(draw: st.DrawFn, *, number: int) -> dict[str, Any]:
    provider = draw(st.sampled_from(["lbhf", "wcc", "rbkc", "shelter-west"]))
    names = draw(st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=6, unique=True))
    if draw(st.integers(0, 3)) and "existence" not in names:
        names = ["existence", *names]
    flow: dict[str, Any] = {
        "id": f"f{number}",
        "from": provider,
        "to": draw(st.sampled_from([org for org in KINDS if org != provider])),
        "purposes": draw(some_purposes),
        "trigger": draw(st.sampled_from(["request", "request", "request", "batch", "event", "referral"])),
        "service_areas": draw(st.lists(st.sampled_from(["*", *AREAS]), min_size=1, max_size=3, unique=True)),
        "categories": [{"category": name, "form": draw(st.sampled_from(FORMS))} for name in names],
        "recipient_roles": draw(some_roles),
        "legal_power": {"act": draw(st.sampled_from([BAR, "Housing Act 1996", "Children Act 2004"])), "section": "213"},
        "article6": "e",
    }
    if draw(st.booleans()):
        flow["training"] = {"course": "data-protection", "max_age_days": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        flow["commitment"] = {"statement": "confidentiality", "version": draw(st.integers(1, 3))}
    if draw(st.integers(0, 7)) == 0:
        flow["cohort"] = "adults"
    if draw(st.booleans()):
        flow["article9"] = draw(st.lists(st.sampled_from(["c", "g", "h"]), max_size=2, unique=True))
        flow["article10"] = draw(st.booleans())
        flow["schedule1"] = draw(st.lists(st.sampled_from(["2", "5", "18(1)(a)"]), max_size=2, unique=True))
    return flow


@st.composite
def agreements(draw: st.DrawFn, *, number: int) -> dict[str, Any]:
    first, last = sorted([draw(near_today), draw(near_today)])
    if draw(st.booleans()):
        first, last = TODAY - timedelta(days=9), TODAY + timedelta(days=9)
    return {
        "id": f"a{number}",
        "status": draw(st.sampled_from(["active", "active", "active", *AgreementStatus])),
        "content": {
            "title": "Generated",
            "type": "isp",
            "valid_from": first.isoformat(),
            "valid_until": last.isoformat(),
            "parties": [{"org": org, "role": "controller"} for org in KINDS],
            "flows": [draw(flows(number=index)) for index in range(draw(st.integers(1, 3)))],
        },
    }


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    owner_and_area = st.tuples(st.sampled_from(["lbhf", "wcc", "rbkc"]), st.sampled_from(AREAS), st.just(BAR))
    return {
        "kinds": KINDS,
        "agreements": [draw(agreements(number=index)) for index in range(draw(st.integers(0, 4)))],
        "bars": draw(st.lists(owner_and_area, max_size=3)),
    }


@st.composite
def callers(draw: st.DrawFn) -> dict[str, Any]:
    roles = draw(some_roles)
    return {
        "org": draw(st.sampled_from(list(KINDS))),
        "roles": roles,
        "registered_roles": roles if draw(st.integers(0, 3)) else draw(some_roles),
        "training": draw(st.dictionaries(st.just("data-protection"), near_today)),
        "commitments": {"confidentiality": draw(st.dictionaries(st.integers(1, 3), near_today, max_size=2))},
    }


def compiled(world: dict[str, Any], *, policy_texts: Mapping[str, str] | None = None) -> Governance:
    """Compile a world as the gateway would, with boroughs' policies if there are any."""
    return compile_governance(
        {org: OrganisationKind(kind) for org, kind in world["kinds"].items()},
        agreements=[
            Agreement(
                agreement_id=each["id"],
                version=1,
                status=AgreementStatus(each["status"]),
                content=AgreementContent.model_validate(each["content"]),
            )
            for each in world["agreements"]
        ],
        barred_sources=[
            BarredSource(owner=owner, service_area=area, statute=act) for owner, area, act in world["bars"]
        ],
        policy_texts=policy_texts,
    )


def calling(caller: dict[str, Any]) -> Caller:
    """Give a caller as the policy takes it."""
    return Caller(
        org=caller["org"],
        org_kind=OrganisationKind(KINDS[caller["org"]]),
        subject="alice",
        roles=frozenset(map(Role, caller["roles"])),
        standing=Standing(
            roles=frozenset(map(Role, caller["registered_roles"])),
            training=caller["training"],
            commitments=caller["commitments"],
        ),
        employer=caller.get("employer"),
        mandated=frozenset(map(Role, caller["mandated"])) if "mandated" in caller else None,
    )
