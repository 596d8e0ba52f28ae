"""A second opinion on every decision: the rules of governance applied naively, one cell at a time.

In this room: brute force over plain dictionaries, written from the prose of the rules and sharing no table and no line
with the policy it checks. Not in this room: speed, explanations, caching.
"""

from datetime import date, timedelta
from functools import cache
from typing import Any

ORDINARY = [
    "benefits", "community-safety", "concessions", "council-tax", "customer-services", "education", "electoral",
    "housing", "parking", "registrars", "street-scene",
]  # fmt: skip
AREAS = [*ORDINARY, "adult-social-care", "childrens-social-care"]
ROWS = [*AREAS, "community-safety:criminal", "concessions:special", "education:child"]
"""Every area, and with their class the rows that are stricter than the rest of theirs."""
CATEGORIES = [
    "existence", "identity", "identifiers", "contact_details", "address", "accessibility", "household", "linkage",
    "contacts", "cases", "case_notes", "assessments", "referrals", "markers",
]  # fmt: skip
FORMS = ["exists", "band", "value"]
FITTING = {
    "customer-service": ORDINARY,
    "council-tax": ["council-tax", "benefits", "customer-services"],
    "benefits": ["benefits", "council-tax", "housing", "customer-services"],
    "housing": ["housing", "council-tax", "customer-services"],
    "homelessness": ["housing", "benefits", "customer-services"],
    "adult-social-care": ["adult-social-care", "housing", "benefits", "concessions", "customer-services"],
    "adult-safeguarding": AREAS,
    "child-safeguarding": AREAS,
    "education": ["education", "benefits", "customer-services"],
    "concessions": ["concessions", "benefits", "customer-services"],
    "registration": ["registrars", "electoral", "council-tax", "customer-services"],
    "fraud-prevention": ["council-tax", "benefits", "housing", "parking", "concessions"],
    "community-safety": ["community-safety", "street-scene", "housing", "customer-services"],
    "referral": ORDINARY,
    "data-stewardship": AREAS,
    "subject-rights": AREAS,
    "insight": [],
}
Cell = tuple[str, str, str]
"""An owner, a row and a category."""
STEWARDED = ["existence", "identity", "identifiers", "contact_details", "address", "household"]


def own_role_sees(role: str, purpose: str, action: str, row: str, category: str) -> bool:
    """Tell whether one role sees a cell of its own borough."""
    area, _, row_class = row.partition(":")
    if purpose == "insight":
        return False
    if role == "system":
        fits = area in FITTING[purpose] and purpose != "subject-rights"
        return action in ("read", "write") and fits
    if role == "steward":
        return purpose == "data-stewardship" and action in ("read", "search", "steward") and category in STEWARDED
    if role == "ig-lead":
        return purpose == "subject-rights" and action in ("read", "search")
    if role not in ("frontline", "caseworker", "social-worker") or action not in ("read", "search", "write", "refer"):
        return False
    if purpose in ("data-stewardship", "subject-rights"):
        return False
    fits = area in FITTING[purpose]
    if purpose == "referral" and role == "social-worker" and area == "adult-social-care":
        fits = True
    if not fits:
        return False
    if category == "existence":
        return True
    if row_class == "child" and (role != "social-worker" or purpose not in ("child-safeguarding", "education")):
        return False
    if row_class == "special" and role != "social-worker":
        return False
    if row_class == "criminal":
        if role == "frontline":
            return False
        if purpose not in ("community-safety", "fraud-prevention", "adult-safeguarding", "child-safeguarding"):
            return False
    if area == "childrens-social-care" and (role != "social-worker" or purpose != "child-safeguarding"):
        return False
    if (area == "adult-social-care" or category == "accessibility") and role != "social-worker":
        return False
    if category == "markers":
        if role == "frontline":
            return False
        return purpose in ("community-safety", "fraud-prevention", "adult-safeguarding", "child-safeguarding")
    return True


def flow_grants(world: Any, agreement: Any, flow: Any, *, row: str, on: date) -> bool:
    """Tell whether a flow opens the rows of an area to anyone on a day."""
    area, _, row_class = row.partition(":")
    if row_class and area not in flow["service_areas"]:
        return False
    numbers = [int(text.partition("(")[0]) for text in flow.get("schedule1", [])]
    if row_class == "special":
        if not flow.get("article9"):
            return False
        if set(flow["article9"]) & set("bhij") and not any(1 <= number <= 4 for number in numbers):
            return False
        if "g" in flow["article9"] and not any(6 <= number <= 28 for number in numbers):
            return False
    if row_class == "criminal" and not (
        flow.get("article10") and any(1 <= number <= 4 or 6 <= number <= 37 for number in numbers)
    ):
        return False
    if row_class == "child":
        act = (flow.get("legal_power") or {"act": ""})["act"].lower()
        if not any(word in act for word in ("child", "safeguarding", "education", "school")):
            return False
    content = agreement["content"]
    if agreement["status"] != "active" or flow.get("cohort", "all") != "all":
        return False
    if not date.fromisoformat(content["valid_from"]) <= on <= date.fromisoformat(content["valid_until"]):
        return False
    if area not in flow["service_areas"] and not ("*" in flow["service_areas"] and area in ORDINARY):
        return False
    act = flow["legal_power"]["act"] if flow.get("legal_power") else None
    return all(act == statute for owner, barred, statute in world["bars"] if (owner, barred) == (flow["from"], area))


def trained(flow: Any, caller: Any, *, on: date) -> bool:
    """Tell whether the course a flow asks for was completed lately enough."""
    if flow.get("training") is None:
        return True
    completed = caller["training"].get(flow["training"]["course"])
    if completed is None or completed > on:
        return False
    return bool(on <= completed + timedelta(days=flow["training"].get("max_age_days", 365)))


def committed(flow: Any, caller: Any, *, on: date) -> bool:
    """Tell whether the statement a flow asks for was signed, in that version or a later one."""
    if flow.get("commitment") is None:
        return True
    signed = caller["commitments"].get(flow["commitment"]["statement"], {})
    return any(number >= flow["commitment"]["version"] for number, day in signed.items() if day <= on)


def areas_opened(world: Any, *, provider: str, recipient: str, on: date) -> set[str]:
    """Give the areas in which one owner's persons may be compared with another's."""
    if provider == recipient or {world["kinds"].get(provider), world["kinds"].get(recipient)} != {"borough"}:
        return set()
    return {
        area
        for area in AREAS
        for agreement in world["agreements"]
        for flow in agreement["content"]["flows"]
        if (flow["from"], flow["to"], flow["trigger"]) == (provider, recipient, "batch")
        and "linkage" in [each["category"] for each in flow["categories"]]
        and flow_grants(world, agreement, flow, row=area, on=on)
    }


def cells_granted(world: Any, *, caller: Any, purpose: str, action: str, on: date, hour: int) -> dict[Cell, str]:
    """Give every cell of the world that is granted after all policies, with its form; `hour` is that in London."""
    if world["kinds"].get(caller["org"]) not in ("borough", "partner"):
        return {}
    roles = [role for role in caller["roles"] if role in caller["registered_roles"]]
    roles = [role for role in roles if role in caller.get("mandated", roles)]
    forms: dict[Cell, list[str]] = {}
    if world["kinds"][caller["org"]] == "borough":
        for role in roles:
            for row, category in own_cells(role, purpose, action):
                forms.setdefault((caller["org"], row, category), []).append("value")
    if action in ("read", "search"):
        for agreement in world["agreements"]:
            for flow in agreement["content"]["flows"]:
                if flow["to"] != caller["org"] or flow["from"] == caller["org"] or flow["trigger"] != "request":
                    continue
                if world["kinds"].get(flow["from"]) != "borough" or purpose not in flow["purposes"]:
                    continue
                if not any(role in flow.get("recipient_roles", []) and role != "operator" for role in roles):
                    continue
                if not trained(flow, caller, on=on) or not committed(flow, caller, on=on):
                    continue
                for row in ROWS:
                    if flow_grants(world, agreement, flow, row=row, on=on):
                        for each in flow["categories"]:
                            if each["category"] != "linkage":
                                cell = (flow["from"], row, each["category"])
                                forms.setdefault(cell, []).append(each.get("form", "value"))
    known = {cell: max(found, key=FORMS.index) for cell, found in forms.items() if (*cell[:2], "existence") in forms}
    circumstances = circumstances_of(caller, roles=roles, purpose=purpose, on=on, hour=hour)
    return narrowed(world, known, circumstances, action=action)


def circumstances_of(caller: Any, *, roles: list[str], purpose: str, on: date, hour: int) -> dict[str, Any]:
    """Give all that a policy may ask about besides the data; `hour` is the hour in London."""
    return {
        "principal.organisation": caller.get("employer", caller["org"]),
        "principal.roles": roles,
        "principal.training_current": any(0 <= (on - day).days <= 365 for day in caller["training"].values()),
        "principal.commitment_current": any(
            day <= on for signed in caller["commitments"].values() for day in signed.values()
        ),
        "context.purpose": purpose,
        "context.emergency": False,
        "context.acting_for": caller["org"],
        "context.local_hour": hour,
    }


def narrowed(world: Any, granted: dict[Cell, str], circumstances: Any, *, action: str) -> dict[Cell, str]:
    """Take from granted cells those that a policy of a borough on either side forbids, and all without existence."""
    either = {circumstances["context.acting_for"], circumstances["principal.organisation"]}
    left = {
        cell: form
        for cell, form in granted.items()
        if not any(
            forbids(policy, circumstances, cell=cell)
            for org in {cell[0], *either}
            for policy in world.get("policies", {}).get(org, [])
            if policy["actions"] is None or action in policy["actions"]
        )
    }
    return {cell: form for cell, form in left.items() if (*cell[:2], "existence") in left}


@cache
def own_cells(role: str, purpose: str, action: str) -> list[tuple[str, str]]:
    """Give the cells that a role sees of its own borough, before the borough's policy."""
    return [
        (row, category)
        for row in ROWS
        for category in CATEGORIES
        if category != "linkage" and own_role_sees(role, purpose, action, row, category)
    ]


def forbids(policy: Any, circumstances: Any, *, cell: Cell) -> bool:
    """Tell whether a policy forbids a cell, if it is about the action."""
    owner, row, category = cell
    facts = {
        **circumstances,
        "resource.owner": owner,
        "resource.service_area": row.partition(":")[0],
        "resource.category": category,
        "resource.class": class_of_cell(row, category),
    }
    return all(met(condition, facts) for condition in policy["when"]) and not any(
        met(condition, facts) for condition in policy["unless"]
    )


@cache
def class_of_cell(row: str, category: str) -> str:
    """Give the strictest class of an area, a row and a category."""
    area, _, row_class = row.partition(":")
    classes = {
        row_class,
        {"adult-social-care": "special", "childrens-social-care": "child"}.get(area),
        {"accessibility": "special", "markers": "criminal"}.get(category),
    }
    return next((each for each in ("child", "criminal", "special") if each in classes), "ordinary")


def met(condition: tuple[str, str, Any], facts: Any) -> bool:
    """Tell whether one condition of a policy is met."""
    attribute, operator, operand = condition
    value = facts[attribute]
    if operator in ("==", "!="):
        other = facts[operand] if isinstance(operand, str) and operand in facts else operand
        return bool((value == other) is (operator == "=="))
    if operator in (">=", "<"):
        return bool((value >= operand) is (operator == ">="))
    if operator in ("holds", "lacks"):
        return (operand in value) is (operator == "holds")
    return bool(value.startswith(operand) if operator == "begins" else value in operand)
