"""Residents of one street, known to lbhf and to wcc, and what both do for them: the people that a test then hides.

Four who live together, each with a record in both boroughs, linked, and in lbhf a case about the household, a contact,
an assessment and a referral. Nothing about one of them says anything about another but where they live.
"""

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from tests.gateway.platform import AGREEMENT, TRAINED
from tests.gateway.whole import PARTNER, SERVICE, Whole

ROLES: Final = "caseworker,social-worker,frontline,steward,ig-lead"
"""All roles that look at people or decide about them, but those of machines: whoever holds them all is refused nothing
for want of a role."""
COLLEAGUE: Final = f"lbhf/ada/{ROLES}"
EXCLUDED_WORKER: Final = f"lbhf/eve/{ROLES}"
OF_WCC: Final = f"wcc/wanda/{ROLES}"
PURPOSES: Final = ("homelessness", "data-stewardship", "subject-rights")
HOMELESS: Final = 112
"""A service of the area housing."""
SHARED: Final = (
    "existence", "identity", "identifiers", "contact_details", "address", "household", "contacts", "cases",
    "case_notes", "assessments", "referrals",
)  # fmt: skip
_POWER: Final = {"legal_power": {"act": "Housing Act 1996", "section": "213"}, "article6": "e"}
EVERYTHING: Final[dict[str, Any]] = {
    **AGREEMENT,
    "title": "Everything lbhf has in housing, to wcc",
    "flows": [
        {
            "id": "all",
            "from": "lbhf",
            "to": "wcc",
            "purposes": list(PURPOSES),
            "trigger": "request",
            "service_areas": ["housing", "customer-services"],
            "categories": [{"category": category} for category in SHARED],
            "recipient_roles": ROLES.split(","),
            **_POWER,
        },
        *AGREEMENT["flows"][1:],
    ],
}
BACK: Final[dict[str, Any]] = {
    **AGREEMENT,
    "title": "That somebody is known to wcc's housing, to lbhf",
    "flows": [
        {
            "id": "back",
            "from": "wcc",
            "to": "lbhf",
            "purposes": list(PURPOSES),
            "trigger": "request",
            "service_areas": ["housing"],
            "categories": [{"category": "existence"}, {"category": "identity"}],
            "recipient_roles": ROLES.split(","),
            **_POWER,
        },
    ],
}
REFERRAL: Final[dict[str, Any]] = {
    "title": "Referrals, lbhf to Shelter West",
    "type": "dda",
    "valid_from": "2026-01-01",
    "valid_until": "2028-12-31",
    "parties": [{"org": "lbhf", "role": "controller"}, {"org": "shelter-west", "role": "controller"}],
    "flows": [
        {
            "id": "refer",
            "from": "lbhf",
            "to": "shelter-west",
            "purposes": ["homelessness", "referral"],
            "trigger": "referral",
            "service_areas": ["housing"],
            "categories": [
                {"category": category}
                for category in ("existence", "identity", "contact_details", "address", "household")
            ],
            "recipient_roles": ["partner-worker"],
            **_POWER,
        }
    ],
}
HOME: Final = {
    "lines": ["Flat 3", "17 Larkspur Row"],
    "town": "London",
    "postcode": "W6 9ZZ",
    "uprn": "999900000017",
    "from": "2019-05-01",
}
NAMES: Final = {
    "quilla": ("Quilla", "Farthingale", "1971-02-11", "9990000018", "07700 900101"),
    "osric": ("Osric", "Bellweather", "1958-07-30", "9990000026", "07700 900102"),
    "thandeka": ("Thandeka", "Zwane-Holt", "1990-12-05", "9990000034", "07700 900103"),
    "ludo": ("Ludo", "Carrington", "1984-04-19", "9990000042", "07700 900104"),
}
"""Forename, surname, birth date, NHS number, phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """Somebody of lbhf by all that they may be asked for: ids, and what a search could name."""

    person_id: str
    local_id: str
    record_id: str
    theirs: str
    """wcc's own person who is the same human being."""
    case_id: str
    episode_id: str
    assessment_id: str
    referral_id: str
    review_id: str
    stewardship_id: str
    search: dict[str, dict[str, Any]]

    def canaries(self) -> list[str]:
        """Give the ids that no answer may hold for whom this resident does not exist."""
        return [
            self.person_id, self.record_id, self.case_id, self.episode_id, self.assessment_id, self.referral_id,
            self.review_id,
        ]  # fmt: skip


def nobody() -> Resident:
    """Make up ids and search values that belong to nobody."""
    ids = {name: str(uuid4()) for name in Resident.__annotations__ if name not in ("local_id", "search")}
    made_up = ("Nobody", "Atall", "1962-03-03", "9990000050", "07700 900199")
    return Resident(**ids, local_id="r-nobody", search=_searches(*made_up, email="nobody@example.org"))


def a_resident(name: str, **changes: Any) -> dict[str, Any]:
    """Make the record of one of them."""
    forename, surname, born, nhs_number, phone = NAMES[name]
    record = {
        "given_names": [forename],
        "family_name": surname,
        "date_of_birth": born,
        "nhs_number": nhs_number,
        "phones": [phone],
        "emails": [f"{name}@example.org"],
        "addresses": [HOME],
        "observed_at": "2026-06-01T10:00:00Z",
    } | changes
    return {field: value for field, value in record.items() if value is not None}


async def settle_in(whole: Whole, *names: str, only_in_lbhf: tuple[str, ...] = (), **given: Any) -> dict[str, Resident]:
    """Agree on everything, enter the staff, and have residents known to both boroughs, but for some, and worked for in
    lbhf; `given` changes what is told with their cases."""
    for who in (COLLEAGUE, EXCLUDED_WORKER, OF_WCC):
        await _enter(whole, who)
    await whole.agree(EVERYTHING, "lbhf", "wcc")
    await whole.agree(BACK, "lbhf", "wcc")
    await whole.agree(REFERRAL, "lbhf", "shelter-west")
    records = {name: a_resident(name) for name in names}
    residents = {
        name: await move_in(whole, name, record, boroughs=("lbhf",) if name in only_in_lbhf else ("lbhf", "wcc"))
        for name, record in records.items()
    }
    await whole.settle()
    return {name: await work_for(whole, resident, **given) for name, resident in residents.items()}


async def move_in(
    whole: Whole, name: str, record: dict[str, Any], *, boroughs: tuple[str, ...] = ("lbhf", "wcc")
) -> Resident:
    """Have boroughs' systems assert a resident, lbhf's this record."""
    path = f"/v1/sources/housing/records/r-{name}"
    told = {
        org: await whole.done(
            "PUT",
            path,
            f"{org}/crm/system",
            "data-stewardship",
            json=record if org == "lbhf" else a_resident(name),
        )
        for org in boroughs
    }
    forename, surname, born, nhs_number, phone = NAMES[name]
    return replace(
        nobody(),
        person_id=told["lbhf"]["person_id"],
        record_id=told["lbhf"]["record_id"],
        local_id=f"r-{name}",
        theirs=told["wcc"]["person_id"] if "wcc" in told else str(uuid4()),
        search=_searches(forename, surname, born, nhs_number, phone, email=f"{name}@example.org"),
    )


async def work_for(whole: Whole, resident: Resident, **given: Any) -> Resident:
    """Open a case about a resident's household, and do what may be done beside it."""
    about = {"source": "housing", "local_id": resident.local_id}
    told = {"postcode_sector": "W6 9", "household": True} | given
    case = await whole.done(
        "POST",
        "/v1/cases",
        COLLEAGUE,
        json={**about, "lgsl": HOMELESS, "lgil": 0, "description": "Has to leave the flat.", **told},
    )
    await whole.done("POST", f"/v1/cases/{case['case_id']}/notes", COLLEAGUE, json={"text": "Rang back."})
    contact = {**about, "lgsl": HOMELESS, "lgil": 8, "channel": "one-stop-shop"}
    if "postcode_sector" not in given:
        contact |= {"access_point": "Larkspur one-stop shop", "postcode_sector": "W6 9"}
    await whole.done("POST", "/v1/contacts", COLLEAGUE, json=contact)
    facts = [{"attribute": "tenancy", "value": "assured shorthold"}]
    assessed = await whole.done("POST", "/v1/assessments", COLLEAGUE, json={**about, "lgsl": HOMELESS, "facts": facts})
    referred = await whole.done("POST", "/v1/referrals", COLLEAGUE, json=a_referral(resident))
    await whole.settle()
    return replace(
        resident,
        case_id=case["case_id"],
        episode_id=case["episode_id"],
        assessment_id=assessed["assessment_id"],
        referral_id=referred["referral_id"],
    )


def a_referral(resident: Resident) -> dict[str, Any]:
    """Make the body of a referral of somebody."""
    return {
        "source": "housing",
        "local_id": resident.local_id,
        "service_id": SERVICE,
        "need": "a bed for tonight",
        "urgency": "urgent",
        "message": "Ring after six.",
    }


async def look_alike(whole: Whole, name: str, resident: Resident) -> Resident:
    """Have lbhf's CRM assert somebody so like a resident that a steward is asked; give the resident with the question.

    Twins: the same surname, birth date and home with another forename.
    """
    twin = a_resident(name, given_names=["Zebedee"], nhs_number=None, phones=None, emails=None)
    path = f"/v1/sources/housing/records/twin-{name}"
    await whole.done("PUT", path, "lbhf/crm/system", "data-stewardship", json=twin)
    asked = await whole.done("GET", "/v1/reviews", COLLEAGUE, "data-stewardship")
    (review,) = [one for one in asked["items"] if resident.person_id in str(one)]
    return replace(resident, review_id=review["review_id"])


async def protect(whole: Whole, resident: Resident, scheme: str, *, household_wide: bool = False) -> None:
    """Have a steward of lbhf protect or seal a resident, and let everybody learn of it."""
    body = {"scheme": scheme, "until": None, "review_on": "2027-01-01", "household_wide": household_wide}
    path = f"/v1/people/{resident.person_id}/protection"
    await whole.done("PUT", path, COLLEAGUE, "data-stewardship", json=body)
    await whole.settle()


async def exclude(whole: Whole, resident: Resident, *, subject: str = "eve") -> None:
    """Have lbhf's information-governance lead keep a resident from a worker."""
    body = {
        "subject": subject,
        "record": {"source": "housing", "local_id": resident.local_id},
        "reason": "conflict-of-interest",
        "review_on": "2027-01-01",
    }
    path = f"/v1/organisations/lbhf/exclusions/{subject}-{resident.local_id}"
    await whole.done("PUT", path, "lbhf/ig/ig-lead", None, json=body)


async def partner_reads(whole: Whole, resident: Resident) -> dict[str, Any]:
    """Pull the payload of a resident's referral as the partner."""
    return await whole.done("GET", f"/v1/referrals/{resident.referral_id}/payload", PARTNER, "referral")


async def _enter(whole: Whole, who: str) -> None:
    org, subject, roles = who.split("/")
    path = f"/v1/organisations/{org}/staff/{subject}"
    answer = await whole.call("GET", path, f"{org}/boss/admin", None)
    headers = {"If-Match": answer.headers["ETag"]} if answer.status_code == 200 else {}
    await whole.done(
        "PUT", path, f"{org}/boss/admin", None, json={"roles": roles.split(","), **TRAINED}, headers=headers
    )


def _searches(
    forename: str, surname: str, born: str, nhs_number: str, phone: str, *, email: str
) -> dict[str, dict[str, Any]]:
    named = {"given_names": [forename], "family_name": surname}
    return {
        "name": {**named, "date_of_birth": born},
        "postcode": {**named, "postcode": HOME["postcode"]},
        "address": {**named, "uprn": HOME["uprn"]},
        "phone": {"phone": phone},
        "email": {"email": email},
        "identifier": {"nhs_number": nhs_number},
    }
