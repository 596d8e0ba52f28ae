"""The agreements the boroughs of the demo make, and how they come into force."""

from itertools import combinations
from typing import Any

from single_node.demo.stage import Stage
from single_node.population import OWNERS

_HOUSING_ACT = {"act": "Housing Act 1996", "section": "213"}
_CARE_ACT = {"act": "Care Act 2014", "section": "6"}


def homelessness(provider: str, recipient: str) -> dict[str, Any]:
    """Write the agreement by which caseworkers of one borough see a little of another's housing and CRM records.

    Linkage goes both ways, reading one way; the training and the commitment it demands are the recipient's to keep.
    """
    request = {
        "id": "read",
        "from": provider,
        "to": recipient,
        "purposes": ["homelessness"],
        "trigger": "request",
        "service_areas": ["housing", "customer-services"],
        "categories": [
            {"category": "existence"},
            {"category": "identity"},
            {"category": "contact_details"},
            {"category": "address", "form": "exists"},
            {"category": "cases", "form": "exists"},
        ],
        "recipient_roles": ["caseworker"],
        "legal_power": _HOUSING_ACT,
        "article6": "e",
        "training": {"course": "data-protection", "max_age_days": 365},
        "commitment": {"statement": "confidentiality", "version": 1},
    }
    linkage = [
        {**_linkage(flow_id, giver, taker), "service_areas": ["*"]}
        for flow_id, giver, taker in (("link-out", provider, recipient), ("link-back", recipient, provider))
    ]
    return _agreement(f"Homelessness, {provider} to {recipient}", (provider, recipient), [request, *linkage])


def linkages() -> list[dict[str, Any]]:
    """Write agreements by which every two boroughs let their persons be linked, social care included, and no more."""
    return [
        _agreement(
            f"Linkage, {one} and {other}",
            (one, other),
            [
                {
                    **_linkage(f"{giver}-{taker}", giver, taker),
                    "service_areas": ["*", "adult-social-care"],
                    "legal_power": _CARE_ACT,
                    "article9": ["h"],
                    "schedule1": ["2"],
                }
                for giver, taker in ((one, other), (other, one))
            ],
        )
        for one, other in combinations(OWNERS, 2)
    ]


def referrals(provider: str, partner: str) -> dict[str, Any]:
    """Write the agreement by which a borough refers homeless people to a partner, with their names and telephones."""
    refer = {
        "id": "refer",
        "from": provider,
        "to": partner,
        "purposes": ["homelessness"],
        "trigger": "referral",
        "service_areas": ["housing"],
        "categories": [{"category": "existence"}, {"category": "identity"}, {"category": "contact_details"}],
        "recipient_roles": ["partner-worker"],
        "legal_power": _HOUSING_ACT,
        "article6": "e",
    }
    return _agreement(f"Referrals, {provider} to {partner}", (provider, partner), [refer])


def rehousing(provider: str, recipient: str) -> dict[str, Any]:
    """Write the agreement by which caseworkers of one borough see where another's residents live, for housing; in an
    emergency they see who and where for whatever purpose."""
    request = {
        "id": "rehouse",
        "from": provider,
        "to": recipient,
        "purposes": ["housing"],
        "trigger": "request",
        "service_areas": ["housing", "benefits"],
        "categories": [
            {"category": category} for category in ("existence", "identity", "contact_details", "address", "household")
        ],
        "recipient_roles": ["caseworker"],
        "legal_power": _HOUSING_ACT,
        "article6": "e",
    }
    emergency = {
        "allowed": True,
        "reasons": ["risk-to-life"],
        "roles": ["caseworker"],
        "max_minutes": 30,
        "categories": ["existence", "identity", "address"],
        "review_within_hours": 24,
    }
    agreement = _agreement(f"Rehousing, {provider} to {recipient}", (provider, recipient), [request])
    return {**agreement, "break_glass": emergency}


def bring_into_force(stage: Stage, agreement: dict[str, Any]) -> str:
    """Draft, propose and sign an agreement by all its parties; give its id. Raises `Surprise`."""
    parties = [party["org"] for party in agreement["parties"]]
    drafter = stage.desk(parties[0], "ig-lead")
    drafted = drafter.ask("POST", "/v1/agreements", json=agreement)
    stage.telling.equal(f"the draft of “{agreement['title']}” is kept", drafted.status, expected=201)
    path = f"/v1/agreements/{drafted.body['agreement_id']}"
    proposed = drafter.ask("POST", f"{path}/transitions", json={"action": "propose"})
    stage.telling.equal("it is proposed", proposed.body.get("status"), expected="proposed")
    signature = {"action": "sign", "digest": proposed.body["digest"], "position": "Director"}
    signed = proposed
    for party in parties:
        signed = stage.desk(party, "signatory").ask("POST", f"{path}/transitions", json=signature)
        stage.telling.equal(f"{party} signs", signed.status, expected=200)
    stage.telling.equal("with the last signature it is active", signed.body.get("status"), expected="active")
    return str(drafted.body["agreement_id"])


def _linkage(flow_id: str, provider: str, recipient: str) -> dict[str, Any]:
    return {
        "id": flow_id,
        "from": provider,
        "to": recipient,
        "purposes": ["homelessness"],
        "trigger": "batch",
        "categories": [{"category": "linkage"}],
        "legal_power": _HOUSING_ACT,
        "article6": "e",
    }


def _agreement(title: str, parties: tuple[str, str], flows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "dda",
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
        "parties": [{"org": org, "role": "controller"} for org in parties],
        "flows": flows,
    }
