"""Worlds in which boroughs have policies: made from a seed, as plain data and as the Cedar that says the same.

In this room: seeded worlds and callers, and policies as lists of conditions, which the oracle reads, put into Cedar,
which the gateway reads. Not in this room: what should follow from them (`oracle`).
"""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from gateway.governance import Governance
from shared.categories import Purpose, Role
from tests.gateway.oracle import AREAS, CATEGORIES, FORMS
from tests.gateway.worlds import BAR, KINDS, TODAY, compiled

ORGS = [org for org, kind in KINDS.items() if kind != "operator"]
BOROUGHS = [org for org, kind in KINDS.items() if kind == "borough"]
ROLES = [role.value for role in Role]
PURPOSES = [purpose.value for purpose in Purpose]
ACTIONS = ["read", "search", "write", "refer", "steward", "export"]
CLASSES = ["ordinary", "special", "criminal", "child"]


def some(chance: Random, values: list[str], *, most: int) -> list[str]:
    """Choose one value or some."""
    return chance.sample(values, chance.randint(1, most))


def a_condition(chance: Random) -> tuple[str, str, Any]:
    """Make one condition, as `oracle.met` reads it."""
    texts = {
        "resource.service_area": AREAS,
        "resource.category": CATEGORIES,
        "resource.class": CLASSES,
        "context.purpose": PURPOSES,
    }
    orgs = ["resource.owner", "principal.organisation", "context.acting_for"]
    match chance.randrange(8):
        case 0 | 1 | 2:
            attribute, values = chance.choice(list(texts.items()))
            operator = chance.choice(["==", "!=", "among", "begins"])
            value: Any = chance.choice(values)
            if operator == "among":
                value = chance.sample(values, 3)
            return attribute, operator, value[:3] if operator == "begins" else value
        case 3:
            return chance.choice(orgs), chance.choice(["==", "!="]), chance.choice(BOROUGHS)
        case 4:
            first, second = chance.sample(orgs, 2)
            return first, chance.choice(["==", "!="]), second
        case 5:
            return "principal.roles", chance.choice(["holds", "lacks"]), chance.choice(ROLES)
        case 6:
            which = ["principal.training_current", "principal.commitment_current", "context.emergency"]
            return chance.choice(which), "==", chance.choice([True, False])
        case _:
            return "context.local_hour", chance.choice([">=", "<"]), chance.randint(0, 23)


def a_policy(chance: Random) -> dict[str, Any]:
    """Make one policy: it forbids where all of `when` and none of `unless` is met."""
    return {
        "actions": None if chance.random() < 0.7 else some(chance, ACTIONS, most=3),
        "when": [a_condition(chance) for _ in range(chance.randint(1, 3))],
        "unless": [a_condition(chance) for _ in range(chance.choice([0, 0, 1, 2]))],
    }


def in_cedar(policies: list[dict[str, Any]]) -> str:
    """Write policies in Cedar."""
    return "\n".join(map(_in_cedar, policies))


def a_flow(chance: Random, *, number: int) -> dict[str, Any]:
    """Make one flow."""
    provider, recipient = chance.sample(ORGS, 2)
    categories = chance.sample(CATEGORIES, chance.randint(1, 8))
    if chance.random() < 0.9:
        categories = sorted({"existence", *categories})
    flow: dict[str, Any] = {
        "id": f"f{number}",
        "from": provider,
        "to": recipient,
        "purposes": some(chance, PURPOSES, most=6),
        "trigger": chance.choice(["request", "request", "request", "referral", "batch"]),
        "service_areas": some(chance, ["*", *AREAS], most=4),
        "categories": [{"category": name, "form": chance.choice(FORMS)} for name in categories],
        "recipient_roles": some(chance, ROLES, most=4),
        "legal_power": {"act": chance.choice([BAR, "Housing Act 1996", "Children Act 2004"]), "section": "213"},
        "article6": "e",
        "article9": chance.choice([[], ["c"], ["g"], ["h"]]),
        "article10": chance.random() < 0.5,
        "schedule1": chance.choice([[], ["2"], ["18(1)(a)"]]),
    }
    if chance.random() < 0.3:
        flow["training"] = {"course": "data-protection", "max_age_days": chance.choice([2, 365])}
    if chance.random() < 0.3:
        flow["commitment"] = {"statement": "confidentiality", "version": chance.randint(1, 3)}
    return flow


def a_world(chance: Random) -> dict[str, Any]:
    """Make a world: agreements in every state, statutory bars, and policies of some boroughs."""
    return {
        "kinds": KINDS,
        "agreements": [
            {
                "id": f"a{index}",
                "status": chance.choice(["active", "active", "active", "suspended", "expired", "draft"]),
                "content": {
                    "title": "Generated",
                    "type": "isp",
                    "valid_from": (TODAY - timedelta(days=chance.choice([-1, 0, 9, 9]))).isoformat(),
                    "valid_until": (TODAY + timedelta(days=chance.choice([-1, 0, 9, 9]) + 1)).isoformat(),
                    "parties": [{"org": org, "role": "controller"} for org in KINDS],
                    "flows": [a_flow(chance, number=number) for number in range(chance.randint(1, 4))],
                },
            }
            for index in range(chance.randint(2, 6))
        ],
        "bars": [(chance.choice(BOROUGHS), chance.choice(AREAS), BAR) for _ in range(chance.randint(0, 3))],
        "policies": {
            org: [a_policy(chance) for _ in range(chance.randint(1, 5))]
            for org in chance.sample(BOROUGHS, chance.randint(1, 3))
        },
    }


def a_caller(chance: Random) -> dict[str, Any]:
    """Make a caller, now and then one who acts for another organisation than its own."""
    roles = some(chance, ROLES, most=3)
    caller: dict[str, Any] = {
        "org": chance.choice(list(KINDS)) if chance.random() < 0.1 else chance.choice(ORGS),
        "roles": roles,
        "registered_roles": roles if chance.random() < 0.8 else some(chance, ROLES, most=3),
        "training": {"data-protection": _near(chance)} if chance.random() < 0.7 else {},
        "commitments": {"confidentiality": {chance.randint(1, 3): _near(chance)}} if chance.random() < 0.7 else {},
    }
    if chance.random() < 0.3:
        caller["employer"] = chance.choice([org for org in ORGS if org != caller["org"]])
        caller["mandated"] = [role for role in roles if chance.random() < 0.8]
    return caller


def a_moment(chance: Random) -> datetime:
    """Choose an hour of today."""
    return datetime.combine(TODAY, time(chance.randint(0, 22), chance.randint(0, 59)), UTC)


def hour_in_london(at: datetime) -> int:
    """Give the hour in London of a moment in June."""
    return (at + timedelta(hours=1)).hour


def governed(world: dict[str, Any]) -> Governance:
    """Compile a world with its policies as the gateway would."""
    return compiled(world, policy_texts={org: in_cedar(policies) for org, policies in world["policies"].items()})


def _near(chance: Random) -> date:
    return TODAY - timedelta(days=chance.choice([-2, -1, 0, 1, 3, 365, 366]))


def _in_cedar(policy: dict[str, Any]) -> str:
    scope = "action"
    if policy["actions"] is not None:
        names = ", ".join(f'Action::"{name}"' for name in policy["actions"])
        scope = f"action in [{names}]"
    text = f"forbid (principal, {scope}, resource)"
    text += f" when {{ {' && '.join(map(_condition, policy['when']))} }}"
    if policy["unless"]:
        text += f" unless {{ {' || '.join(map(_condition, policy['unless']))} }}"
    return f"{text};"


def _condition(condition: tuple[str, str, Any]) -> str:
    attribute, operator, operand = condition
    match operator:
        case "among":
            return f"[{', '.join(map(_literal, operand))}].contains({attribute})"
        case "begins":
            return f'{attribute} like "{operand}*"'
        case "holds":
            return f"{attribute}.contains({_literal(operand)})"
        case "lacks":
            return f"!{attribute}.contains({_literal(operand)})"
        case _:
            return f"{attribute} {operator} {_literal(operand)}"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or value.partition(".")[0] in ("resource", "principal", "context"):
        return str(value)
    return f'Organisation::"{value}"' if value in BOROUGHS else f'"{value}"'
