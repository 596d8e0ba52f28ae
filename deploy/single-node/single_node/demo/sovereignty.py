"""The sixth part of the demo: what a borough narrows for itself and for others, and what an emergency opens.

A borough policy that closes one service area to one purpose, a shared contact centre that answers in its name, and an
emergency access that the owner reviews.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from single_node.demo.desk import Desk, Reply
from single_node.demo.protection import IN_REFUGE, OWNER, READER
from single_node.demo.stage import Stage
from single_node.demo.trail import access_log

EMPLOYER: Final = "rbkc"

_POLICY: Final = """@id("benefits-for-benefits-alone")
forbid (principal, action, resource)
when { resource.service_area == "benefits" && context.purpose != "benefits" };
"""
_CLAIMANT: Final = {
    "given_names": ["Leopold"],
    "family_name": "Fanshawe-Osei",
    "date_of_birth": "1959-02-11",
    "phones": ["07700 900821"],
    "addresses": [{"lines": ["3 Copper Mews"], "town": "London", "postcode": "W6 9ZT", "uprn": "999900000821"}],
}
_REASON: Final = "risk-to-life"
_EMERGENCY: Final = {"SCV-Emergency": f"{_REASON}; Found unconscious, next of kin wanted"}


def play_sovereignty(stage: Stage) -> None:
    """Play it, from the policy to the reviewed emergency. Raises `Surprise`."""
    Sovereign(stage).play()


class Sovereign:
    """A claimant, the caseworkers of both boroughs, and the owner's information-governance lead."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.telling = stage.telling
        self.own = stage.desk(OWNER, "caseworker", subject="noor")
        self.reader = stage.desk(READER, "caseworker", subject="gil")
        self.lead = stage.desk(OWNER, "ig-lead")

    def play(self) -> None:
        """Tell the whole of it."""
        self.telling.chapter("A borough closes one service area to all purposes but one")
        system = self.stage.desk(OWNER, "system", subject="benefits")
        path = "/v1/sources/benefits/records/DEMO-CLAIM-1"
        answer = system.ask("PUT", path, purpose="data-stewardship", json=_CLAIMANT)
        self.telling.equal("benefits knows a claimant", answer.status, expected=201)
        self.person = str(answer.body["person_id"])
        self.narrowed()
        self.telling.chapter("A contact centre of another borough answers in its name")
        self.mandated()
        self.telling.chapter("An emergency")
        self.emergency()
        self.reviewed()

    def narrowed(self) -> None:
        """Look from both sides before and after the policy."""
        before = self.both_look()
        self.telling.equal("before, both boroughs' caseworkers see the claimant", before, expected=[200, 200])
        path = f"/v1/organisations/{OWNER}/policy"
        widening = "permit (principal, action, resource);"
        refused = self.set_policy(path, widening)
        self.telling.equal("a policy that would permit is refused", refused.status, expected=422)
        answer = self.set_policy(path, _POLICY)
        self.telling.check("one that forbids is taken", holds=answer.status in (200, 201), found=answer.status)
        self.telling.equal("on the very next call it holds for both", self.both_look(), expected=[404, 404])
        benefits = self.look(self.own, "benefits")
        self.telling.equal("for benefits the own borough sees it as before", benefits.status, expected=200)
        question = {
            "subject": "noor",
            "roles": ["caseworker"],
            "purpose": "homelessness",
            "action": "read",
            "provider": OWNER,
            "service_area": "benefits",
        }
        told = self.own.ask("POST", "/v1/decisions", json=question).body["denials"]
        reasons = {(denial["reason"], denial["clause"]) for denial in told if denial["category"] == "existence"}
        self.telling.equal(
            "the decision names the policy",
            reasons,
            expected={("forbidden-by-owner-policy", f"{OWNER}/benefits-for-benefits-alone")},
        )

    def mandated(self) -> None:
        """Look as another borough's front line, with and without a mandate."""
        agent = self.stage.desk(EMPLOYER, "frontline", subject="ines")
        path = f"/v1/people/{self.person}"
        acting = {"SCV-Acting-For": OWNER}
        refused = agent.ask("GET", path, purpose="benefits", headers=acting)
        self.telling.equal("without a mandate nobody acts for another", refused.problem, expected="no-mandate")
        today = datetime.now(UTC).date()
        mandate = {
            "to_org": EMPLOYER,
            "roles": ["frontline"],
            "purposes": ["benefits"],
            "from": today.isoformat(),
            "until": (today + timedelta(days=1)).isoformat(),
        }
        given = self.lead.ask("PUT", f"/v1/organisations/{OWNER}/mandates/contact-centre", json=mandate)
        self.telling.equal("the borough gives one", given.status, expected=201)
        seen = agent.ask("GET", path, purpose="benefits", headers=acting)
        self.telling.equal("under it the contact centre sees what the borough's own would", seen.status, expected=200)
        refused = agent.ask("GET", path, purpose="housing", headers=acting)
        self.telling.equal("but for no other purpose", refused.problem, expected="no-mandate")
        alone = agent.ask("GET", path, purpose="benefits")
        self.telling.equal("and nothing in its own name", alone.status, expected=404)

    def emergency(self) -> None:
        """Look in an emergency, for a purpose that no agreement names."""
        by_name = {name: IN_REFUGE[name] for name in ("given_names", "family_name", "date_of_birth")}
        self.telling.equal("without one, the purpose opens nothing", self.find(by_name), expected=[])
        wrong = {"SCV-Emergency": "curiosity; just looking"}
        refused = self.ask_for(by_name, wrong)
        self.telling.equal(
            "a reason that the agreement does not name is refused",
            (refused.status, refused.problem),
            expected=(403, "emergency-not-permitted"),
        )
        found = self.find(by_name, _EMERGENCY)
        self.telling.equal("a reason that it names opens what it lists", len(found), expected=1)
        self.found = found[0]
        path = f"/v1/people/{self.found}"
        view = self.reader.ask("GET", path, purpose="community-safety", headers=_EMERGENCY)
        self.telling.equal("the view is given", view.status, expected=200)
        beyond = {"phones", "emails", "nhs_number"} & {name for record in view.body["records"] for name in record}
        self.telling.equal("with nothing that it does not list", beyond, expected=set())
        kept = [value for value in ("Quiet Yard", "W6 9ZX") if value in view.text]
        self.telling.equal("and the refuge stays closed", kept, expected=[])

    def reviewed(self) -> None:
        """Let the owner see and review it."""
        opened = self.lead.ask("GET", "/v1/emergency-access").body["items"]
        mine = [one for one in opened if one["organisation"] == READER and one["status"] == "open"]
        self.telling.equal("the owner sees who took it and why", [one["reason"] for one in mine], expected=[_REASON])
        path = f"/v1/emergency-access/{mine[0]['id']}/review"
        review = {"outcome": "justified", "note": "Ambulance service confirmed."}
        other = self.stage.desk(READER, "ig-lead").ask("POST", path, json=review)
        self.telling.equal("who took it cannot review it", other.status, expected=404)
        answer = self.lead.ask("POST", path, json=review)
        self.telling.equal(
            "the owner reviews it", (answer.status, answer.body.get("status")), expected=(200, "reviewed")
        )
        looked = access_log(self.stage, org=OWNER, person_id=self.found)
        self.telling.check(
            "the resident's log holds it", holds=(READER, "community-safety", "read") in looked, found=looked
        )

    def both_look(self) -> list[int]:
        """Look from both boroughs, each for a purpose that benefits serves there; give the answers' status."""
        return [self.look(self.own, "homelessness").status, self.look(self.reader, "housing").status]

    def look(self, desk: Desk, purpose: str) -> Reply:
        """Ask for the claimant's single view."""
        return desk.ask("GET", f"/v1/people/{self.person}", purpose=purpose)

    def set_policy(self, path: str, policy: str) -> Reply:
        """Replace the borough's policy."""
        version = self.lead.ask_quietly("GET", path).headers.get("etag")
        headers = {"Content-Type": "text/plain", **({"If-Match": version} if version else {})}
        return self.lead.ask("PUT", path, content=policy.encode(), headers=headers)

    def ask_for(self, wanted: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
        """Search as the other borough's caseworker, for a purpose of no agreement."""
        return self.reader.ask("POST", "/v1/people/search", purpose="community-safety", json=wanted, headers=headers)

    def find(self, wanted: dict[str, Any], headers: dict[str, str] | None = None) -> list[str]:
        """Search so; give the owner's persons found."""
        items = self.ask_for(wanted, headers).body["items"]
        return [item["person_id"] for item in items if item["owner"] == OWNER]
