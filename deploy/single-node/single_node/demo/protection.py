"""The fifth part of the demo: people who must not be found, and a worker who must not look.

A resident in a refuge, a sealed identity, and a worker excluded from a person; each time the answer is compared with
that for somebody who does not exist.
"""

from typing import Any, Final
from uuid import uuid4

from single_node.demo.agreements import bring_into_force, rehousing
from single_node.demo.desk import Desk, Reply
from single_node.demo.stage import Stage

OWNER: Final = "lbhf"
READER: Final = "wcc"
PURPOSE: Final = "housing"

IN_REFUGE: Final = {
    "given_names": ["Philippa"],
    "family_name": "Ravensworth-Adeyemi",
    "date_of_birth": "1991-08-02",
    "phones": ["07700 900811"],
    "emails": ["philippa@example.org"],
    "addresses": [
        {"lines": ["Room 4", "1 Quiet Yard"], "town": "London", "postcode": "W6 9ZX", "uprn": "999900000811"}
    ],
}
SEALED: Final = {
    "given_names": ["Jocasta"],
    "family_name": "Penhaligon-Mbeki",
    "date_of_birth": "2001-12-19",
    "addresses": [{"lines": ["12 Orchard Steps"], "town": "London", "postcode": "W6 9ZW", "uprn": "999900000812"}],
}
NEIGHBOUR: Final = {
    "given_names": ["Barnaby"],
    "family_name": "Thistlewood-Quaye",
    "date_of_birth": "1968-05-30",
    "phones": ["07700 900813"],
    "addresses": [{"lines": ["14 Orchard Steps"], "town": "London", "postcode": "W6 9ZV", "uprn": "999900000813"}],
}
_NOBODY_LIVES_HERE: Final = "W6 9ZU"
_WHEREABOUTS: Final = ("Quiet Yard", "W6 9ZX", "999900000811", "07700 900811", "philippa@example.org")


def play_protection(stage: Stage) -> None:
    """Play it, from the agreement that opens addresses to the worker who looks in vain. Raises `Surprise`."""
    Protected(stage).play()


class Protected:
    """The residents, the other borough's caseworker, and the borough's own people."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.telling = stage.telling
        self.reader = stage.desk(READER, "caseworker", subject="gil")
        self.steward = stage.desk(OWNER, "steward")
        self.frontline = stage.desk(OWNER, "frontline", subject="eve")

    def play(self) -> None:
        """Tell the whole of it."""
        self.telling.chapter("An agreement that opens addresses, and a resident in a refuge")
        bring_into_force(self.stage, rehousing(OWNER, READER))
        self.refuge = self.enter("DEMO-REFUGE-1", IN_REFUGE)
        self.sealed = self.enter("DEMO-SEAL-1", SEALED)
        self.neighbour = self.enter("DEMO-NEIGHBOUR-1", NEIGHBOUR)
        self.in_refuge()
        self.sealed_identity()
        self.excluded()

    def in_refuge(self) -> None:
        """Search by her address before and after she is protected."""
        by_address = {"postcode": "W6 9ZX"}
        found = self.search(by_address)
        self.telling.equal("before, the other borough finds her by her postcode", found, expected=[self.refuge])
        protection = {"scheme": "refuge", "review_on": "2027-06-30", "household_wide": True}
        answer = self.protect(self.refuge, protection)
        self.telling.equal("her own borough's steward protects her", answer.status, expected=200)
        self.looks_like_nobody("the same search now answers as one for a house where nobody lives", by_address)
        self.looks_like_nobody(
            "nor is she found by e-mail", {"email": "philippa@example.org"}, nobody={"email": "nobody@example.org"}
        )
        by_telephone = self.search({"phone": "07700 900811"})
        self.telling.check("nor by telephone", holds=self.refuge not in by_telephone)
        named = {name: IN_REFUGE[name] for name in ("given_names", "family_name", "date_of_birth")}
        self.telling.equal("by name she is found", self.search(named), expected=[self.refuge])
        view = self.look(self.reader, self.refuge)
        self.telling.equal("and her view is given", view.status, expected=200)
        told = [value for value in (*_WHEREABOUTS, "protected", "exists") if value in view.text]
        self.telling.equal("without a trace of where she is, or of why", told, expected=[])
        self.telling.equal("no notice says that an address is withheld", self.noticed(view), expected=set())
        own = self.look(self.frontline, self.refuge)
        told = [value for value in _WHEREABOUTS if value in own.text]
        self.telling.equal(
            "her own borough's front line does not see it either", (own.status, told), expected=(200, [])
        )
        shown = [record.get("protected") for record in own.body["records"]]
        self.telling.equal("but sees that she is protected", shown, expected=[True])
        cleared = self.look(self.steward, self.refuge, purpose="data-stewardship")
        self.telling.check("the steward, who is cleared, sees it", holds=_WHEREABOUTS[1] in cleared.text)

    def sealed_identity(self) -> None:
        """Seal somebody, and look for her from the other borough."""
        self.telling.chapter("A sealed identity")
        before = self.look(self.reader, self.sealed)
        self.telling.equal("before, the other borough sees her", before.status, expected=200)
        answer = self.protect(self.sealed, {"scheme": "adoption", "review_on": "2030-01-01", "household_wide": False})
        self.telling.equal("her identity is sealed", answer.status, expected=200)
        self.same_as_nobody("the other borough is told of her what it is told of nobody", self.reader, self.sealed)
        named = {name: SEALED[name] for name in ("given_names", "family_name", "date_of_birth")}
        self.looks_like_nobody("and finds her by no name", named, nobody={**named, "family_name": "Nobodysson"})

    def excluded(self) -> None:
        """Exclude a worker from a neighbour of hers."""
        self.telling.chapter("A worker who is excluded from a person")
        self.telling.equal("before, she sees him", self.look(self.frontline, self.neighbour).status, expected=200)
        exclusion = {
            "subject": "eve",
            "record": {"source": "housing", "local_id": "DEMO-NEIGHBOUR-1"},
            "reason": "lives next door",
            "review_on": "2027-06-30",
        }
        lead = self.stage.desk(OWNER, "ig-lead")
        answer = lead.ask("PUT", f"/v1/organisations/{OWNER}/exclusions/{uuid4()}", json=exclusion)
        self.telling.check("she is excluded", holds=answer.status in (200, 201), found=answer.status)
        self.same_as_nobody("to her he does not exist", self.frontline, self.neighbour)
        search = {"postcode": "W6 9ZV"}
        self.telling.equal("nor does a search find him", self.search(search, desk=self.frontline), expected=[])
        colleague = self.stage.desk(OWNER, "frontline", subject="noel")
        self.telling.equal("a colleague sees him", self.look(colleague, self.neighbour).status, expected=200)

    def enter(self, local_id: str, record: dict[str, Any]) -> str:
        """Assert a resident as the borough's housing system; give the person."""
        system = self.stage.desk(OWNER, "system", subject="housing")
        path = f"/v1/sources/housing/records/{local_id}"
        answer = system.ask("PUT", path, purpose="data-stewardship", json=record)
        self.telling.equal("housing knows a resident more", answer.status, expected=201)
        return str(answer.body["person_id"])

    def protect(self, person_id: str, protection: dict[str, Any]) -> Reply:
        """Protect somebody as the borough's steward."""
        path = f"/v1/people/{person_id}/protection"
        return self.steward.ask("PUT", path, purpose="data-stewardship", json=protection)

    def search(self, wanted: dict[str, Any], *, desk: Desk | None = None) -> list[str]:
        """Search; give the persons found of the owner."""
        answer = (desk or self.reader).ask("POST", "/v1/people/search", purpose=PURPOSE, json=wanted)
        return [item["person_id"] for item in answer.body["items"] if item["owner"] == OWNER]

    def look(self, desk: Desk, person_id: str, *, purpose: str = PURPOSE) -> Reply:
        """Ask for a single view."""
        return desk.ask("GET", f"/v1/people/{person_id}", purpose=purpose)

    def noticed(self, view: Reply) -> set[str]:
        """Give those of the granted categories that a view says are withheld."""
        kept_back = {category for one in view.body["withheld"] for category in one["categories"]}
        return kept_back & {"address", "contact_details", "household"}

    def looks_like_nobody(self, claim: str, wanted: dict[str, Any], *, nobody: dict[str, Any] | None = None) -> None:
        """Check that a search answers to the byte like one that can find nobody."""
        answers = [
            self.reader.ask("POST", "/v1/people/search", purpose=PURPOSE, json=body)
            for body in (wanted, nobody or {"postcode": _NOBODY_LIVES_HERE})
        ]
        self.telling.equal(claim, answers[0].text, expected=answers[1].text)

    def same_as_nobody(self, claim: str, desk: Desk, person_id: str) -> None:
        """Check that a view is refused to the byte like one of a person who does not exist."""
        refused, nobody = self.look(desk, person_id), self.look(desk, str(uuid4()))
        self.telling.equal(
            claim,
            (refused.status, refused.without("request_id"), len(refused.text)),
            expected=(404, nobody.without("request_id"), len(nobody.text)),
        )
