"""The second part of the demo: one resident known to two boroughs, seen only as far as a signed agreement allows."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from single_node.demo.agreements import bring_into_force, homelessness
from single_node.demo.casting import SHARED_AREAS, Resident, cast
from single_node.demo.desk import Reply
from single_node.demo.evidence import FIELDS, contents, granted, not_granted, postcodes
from single_node.demo.stage import Stage
from single_node.demo.trail import access_log, audit_of_access, own_audit
from single_node.demo.worlds import load_world
from single_node.population import generate

PROVIDER: Final = "lbhf"
READER: Final = "wcc"
WORKER: Final = "dana"
PURPOSE: Final = "homelessness"

_SEED: Final = 4
_RESIDENTS: Final = 600
_KEPT_BACK: Final = {
    "identifiers",
    "accessibility",
    "household",
    "contacts",
    "case_notes",
    "assessments",
    "referrals",
    "markers",
}


def play_story(stage: Stage) -> None:
    """Play it, from two boroughs without an agreement to the resident's log of who looked. Raises `Surprise`."""
    world = generate(_SEED, residents=_RESIDENTS, error_rate=0.05)
    load_world(stage, world)
    resident = cast(world, provider=PROVIDER, reader=READER)
    Story(stage, resident).play()


class Story:
    """The resident, the worker who looks, and what has been seen so far."""

    def __init__(self, stage: Stage, resident: Resident) -> None:
        self.stage = stage
        self.telling = stage.telling
        self.resident = resident
        self.dana = stage.desk(READER, "caseworker", subject=WORKER)
        self.person = self._person_of(READER, resident.known_by.source, resident.known_by.local_id)
        theirs = resident.shared[0]
        self.other_person = self._person_of(PROVIDER, theirs.source, theirs.local_id)
        self.calls = 0
        """How often the worker has looked, in vain or not."""
        self.shown = 0
        """How often the worker was shown something of the provider's."""

    def play(self) -> None:
        """Tell the whole story."""
        self.without_agreement()
        self.telling.chapter("An agreement, signed by both, and a worker who is not trained")
        self.agreement_id = bring_into_force(self.stage, homelessness(PROVIDER, READER))
        self.stage.evaluator.wait_until_linked()
        self.untrained()
        self.trained()
        self.other_purpose()
        self.suspended()
        self.search()
        self.trail()

    def without_agreement(self) -> None:
        """Look while nothing has been signed."""
        self.telling.chapter("A resident known to two boroughs, and no agreement")
        self.sees_nothing("without an agreement")
        self.explained("not-covered-by-agreement")
        direct = self.dana.ask("GET", f"/v1/people/{self.other_person}", purpose=PURPOSE)
        nobody = self.dana.ask("GET", f"/v1/people/{uuid4()}", purpose=PURPOSE)
        self.calls += 2
        self.telling.equal(
            "the other borough's person and one that does not exist answer alike",
            (direct.status, direct.without("request_id")),
            expected=(404, nobody.without("request_id")),
        )

    def untrained(self) -> None:
        """Look with an agreement but without the training it demands."""
        self.sees_nothing("an untrained worker sees no more than before")
        self.explained("training-lapsed")

    def trained(self) -> None:
        """Look after the training, and after the commitment."""
        self.telling.chapter("The worker completes the training and signs the commitment")
        today = datetime.now(UTC).date().isoformat()
        training = [{"course": "data-protection", "completed_on": today}]
        self.enter(training=training, commitments=[])
        self.explained("commitment-not-signed")
        self.sees_nothing("training alone is not enough")
        self.enter(training=training, commitments=[{"statement": "confidentiality", "version": 1, "signed_on": today}])
        self.sees_what_was_granted(self.view())

    def other_purpose(self) -> None:
        """Look for a purpose that the agreement does not name."""
        self.telling.chapter("Another purpose")
        self.sees_nothing("for another purpose there is nothing", purpose="housing")
        self.explained("purpose-not-permitted", purpose="housing")

    def suspended(self) -> None:
        """Look after the provider has suspended the agreement, and after it resumed it."""
        self.telling.chapter("The provider suspends the agreement")
        path = f"/v1/agreements/{self.agreement_id}/transitions"
        provider, reader = self.stage.desk(PROVIDER, "ig-lead"), self.stage.desk(READER, "ig-lead")
        answer = provider.ask("POST", path, json={"action": "suspend", "reason": "incident under review"})
        self.telling.equal("it is suspended", answer.body.get("status"), expected="suspended")
        self.sees_nothing("on the very next call it is all gone")
        refused = reader.ask("POST", path, json={"action": "resume"})
        self.telling.check("only who suspended may resume", holds=refused.status in (403, 409), found=refused.status)
        answer = provider.ask("POST", path, json={"action": "resume"})
        self.telling.equal("the provider resumes it", answer.body.get("status"), expected="active")
        self.stage.evaluator.wait_until_linked()
        self.sees_what_was_granted(self.view())

    def search(self) -> None:
        """Search by name and birth date."""
        self.telling.chapter("A search across boroughs")
        known = self.resident.known_by.record
        query = {name: known[name] for name in ("given_names", "family_name", "date_of_birth")}
        self.calls += 1
        self.shown += 1
        found = self.dana.ask("POST", "/v1/people/search", purpose=PURPOSE, json=query)
        persons = {item["person_id"]: item for item in found.body["items"]}
        self.telling.check(
            "it finds the person of either borough", holds={self.person, self.other_person} <= persons.keys()
        )
        addresses = [postcode for item in self.resident.provider for postcode in postcodes(item.record)]
        self.telling.check(
            "of the other borough's it shows no postcode, which was not granted",
            holds=not any(postcode in str(persons[self.other_person]) for postcode in addresses),
        )

    def trail(self) -> None:
        """Read who looked, as each borough's information-governance lead and as the resident."""
        self.telling.chapter("Who looked: the audit of each side, and the resident's log")
        own = own_audit(self.stage, org=READER, subject=WORKER)
        self.telling.equal("the reader's audit holds every look of the worker", len(own), expected=self.calls)
        theirs = audit_of_access(self.stage, org=PROVIDER, by=READER)
        seen = [set(row["scopes"]) for row in theirs]
        areas = {f"{PROVIDER}/{SHARED_AREAS[item.source]}" for item in self.resident.shared}
        self.telling.check(
            "the provider's audit holds each time something of its own was shown, and nothing of the reader's",
            holds=len(seen) == self.shown and all(areas <= scopes for scopes in seen),
            found=seen,
        )
        looked = access_log(self.stage, org=PROVIDER, person_id=self.other_person)
        by_crm = [(PROVIDER, "data-stewardship", "read")]
        by_dana = [(READER, PURPOSE, "read")] * (self.shown - 1) + [(READER, PURPOSE, "search")]
        self.telling.equal("the resident's log shows these accesses and no others", looked, expected=by_crm + by_dana)

    def view(self, *, purpose: str = PURPOSE) -> Reply:
        """Ask for the single view of the resident, and tell what it shows."""
        self.calls += 1
        answer = self.dana.ask_quietly("GET", f"/v1/people/{self.person}", purpose=purpose)
        question = f"{self.dana.who}: GET /v1/people/{self.person} for {purpose}"
        self.telling.asked(question, answer=f"{answer.status}, {len(answer.text)} bytes")
        for line in contents(answer.body):
            self.telling.lines(f"           {line}")
        return answer

    def sees_nothing(self, claim: str, *, purpose: str = PURPOSE) -> None:
        """Check that a view holds nothing of the provider's: no id, no name of a borough, no value of its own."""
        answer = self.view(purpose=purpose)
        self.telling.equal("the worker sees the own borough's records", answer.status, expected=200)
        traces = [f'"{PROVIDER}', self.other_person, *not_granted(self.resident), *granted(self.resident)]
        found = [trace for trace in traces if trace in answer.text]
        self.telling.equal(f"{claim}: nothing of {PROVIDER} is in the bytes", found, expected=[])

    def sees_what_was_granted(self, answer: Reply) -> None:
        """Check a view against the agreement: what must be there, what may not, what is withheld and why."""
        self.shown += 1
        theirs = [record for record in answer.body["records"] if record["owner"] == PROVIDER]
        shared = {item.local_id for item in self.resident.shared}
        self.telling.equal(
            "the records in the areas of the agreement are there, and no others",
            {record["local_id"] for record in theirs},
            expected=shared,
        )
        allowed = FIELDS["existence"] | FIELDS["identity"] | FIELDS["contact_details"] | {"addresses"}
        beyond = {field for record in theirs for field in record if field not in allowed}
        self.telling.equal("nothing but the granted categories is in them", beyond, expected=set())
        leaked = [trace for trace in not_granted(self.resident) if trace in answer.text]
        self.telling.equal("nor anywhere else in the bytes", leaked, expected=[])
        addresses = [record["addresses"] for record in theirs if "addresses" in record]
        self.telling.check(
            "that there is an address is told, and not which",
            holds=addresses != [] and all(told == {"exists": True} for told in addresses),
            found=addresses,
        )
        phones = {tuple(record.get("phones", ())) for record in theirs}
        expected = {tuple(item.record.get("phones", ())) for item in self.resident.shared}
        self.telling.equal("the telephone numbers are there as the source wrote them", phones, expected=expected)
        links = [(link["owner"], link["person_id"], link["link"]) for link in answer.body["linked"]]
        self.telling.equal("the link is named", links, expected=[(PROVIDER, self.other_person, "automatic")])
        withheld: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one in answer.body["withheld"]:
            withheld[one["owner"], one["service_area"]] |= set(one["categories"])
        areas = {SHARED_AREAS[item.source] for item in self.resident.shared}
        self.telling.equal(
            "withheld are all other categories of the areas shown, and no word of other areas",
            dict(withheld),
            expected={(PROVIDER, area): _KEPT_BACK for area in areas},
        )
        self.telling.check(
            "the clause is cited", holds=any(self.agreement_id in str(clause) for clause in answer.body["clauses"])
        )

    def explained(self, reason: str, *, purpose: str = PURPOSE) -> None:
        """Check what the worker is told of why, or why not."""
        question = {
            "subject": WORKER,
            "roles": ["caseworker"],
            "purpose": purpose,
            "action": "read",
            "provider": PROVIDER,
            "service_area": "housing",
        }
        answer = self.dana.ask("POST", "/v1/decisions", json=question)
        reasons = {
            denial["reason"]: denial["needed"] for denial in answer.body["denials"] if denial["category"] == "existence"
        }
        self.telling.equal(f"the decision explains itself: {reason}", list(reasons), expected=[reason])
        self.telling.step(f"needed: {reasons[reason]}")

    def enter(self, *, training: list[dict[str, Any]], commitments: list[dict[str, Any]]) -> None:
        """Change the worker's entry in the staff register, as the borough's administrator."""
        admin = self.stage.desk(READER, "admin")
        path = f"/v1/organisations/{READER}/staff/{WORKER}"
        version = admin.ask_quietly("GET", path).headers["etag"]
        entry = {"roles": ["caseworker"], "training": training, "commitments": commitments}
        answer = admin.ask("PUT", path, json=entry, headers={"If-Match": version})
        self.telling.equal("the register is changed", answer.status, expected=200)

    def _person_of(self, org: str, source: str, local_id: str) -> str:
        desk = self.stage.desk(org, "system", subject=source)
        answer = desk.ask("GET", f"/v1/sources/{source}/records/{local_id}", purpose="data-stewardship")
        self.telling.equal(f"{org} knows its own record", answer.status, expected=200)
        return str(answer.body["person_id"])
