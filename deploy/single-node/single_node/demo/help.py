"""The fourth part of the demo: what a borough does for a resident, and whom it asks to help.

A contact and two cases of one episode, an assessment that another service reuses, a referral to a partner from its
preview to its outcome on the single view, and an agreement that is suspended while a referral is open.
"""

from time import monotonic, sleep
from typing import Any, Final
from uuid import uuid4

from single_node.demo.agreements import bring_into_force, referrals
from single_node.demo.desk import Reply
from single_node.demo.stage import Stage

BOROUGH: Final = "lbhf"
PARTNER: Final = "shelter-west"
PURPOSE: Final = "homelessness"

_HOMELESSNESS: Final = 112
_HOUSING_BENEFIT: Final = 69
_HOMELESSNESS_ASSESSMENT: Final = 1800
_PATIENCE_SECONDS: Final = 20
_SUBJECT: Final = {"source": "housing", "local_id": "DEMO-HELP-1"}
_RESIDENT: Final = {
    "given_names": ["Wilhelmina"],
    "family_name": "Marchbanks-Oyelaran",
    "date_of_birth": "1979-04-17",
    "nhs_number": "9990000018",
    "phones": ["07700 900461"],
    "addresses": [{"lines": ["9 Larkspur Row"], "town": "London", "postcode": "W6 9ZZ", "uprn": "999900000461"}],
}
_NOT_GRANTED: Final = ("9990000018", "Larkspur", "W6 9ZZ", "999900000461")


def play_help(stage: Stage) -> None:
    """Play it, from the first call of a resident in need to the log of who read what. Raises `Surprise`."""
    Help(stage).play()


class Help:
    """The resident, the borough's caseworker and the partner's worker."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.telling = stage.telling
        self.worker = stage.desk(BOROUGH, "caseworker", subject="noor")
        self.partner = stage.desk(PARTNER, "partner-worker", subject="sam")
        self.service_id = str(uuid4())
        self.cursor = ""

    def play(self) -> None:
        """Tell the whole of it."""
        self.telling.chapter("A resident in need: contact, cases, one episode")
        crm = self.stage.desk(BOROUGH, "system", subject="housing")
        known = crm.ask("PUT", "/v1/sources/housing/records/DEMO-HELP-1", purpose="data-stewardship", json=_RESIDENT)
        self.telling.equal("housing knows the resident", known.status, expected=201)
        self.person = known.body["person_id"]
        self.cases()
        self.assessment()
        self.telling.chapter("A partner may be asked to help")
        self.preview()
        self.referral()
        self.suspension()

    def cases(self) -> None:
        """Take a call, open a case, and a second one that joins the first one's episode."""
        contact = {**_SUBJECT, "channel": "telephone", "lgsl": _HOMELESSNESS, "lgil": 8}
        answer = self.ask("POST", "/v1/contacts", contact)
        self.telling.equal("the contact is recorded", answer.status, expected=201)
        case = {**_SUBJECT, "lgsl": _HOMELESSNESS, "lgil": 0, "description": "Has to leave the flat on Friday."}
        first = self.ask("POST", "/v1/cases", case)
        self.telling.equal("a case is opened", first.status, expected=201)
        case |= {"lgsl": _HOUSING_BENEFIT, "description": "Cannot pay a deposit."}
        second = self.ask("POST", "/v1/cases", case)
        self.telling.equal(
            "a second case, of another service, joins the same episode",
            second.body["episode_id"],
            expected=first.body["episode_id"],
        )
        episode = self.worker.ask("GET", f"/v1/episodes/{first.body['episode_id']}", purpose=PURPOSE)
        cases = {first.body["case_id"], second.body["case_id"]}
        self.telling.equal("the episode holds both", set(episode.body["cases"]), expected=cases)

    def assessment(self) -> None:
        """Establish facts once, and let another service reuse them."""
        facts = [{"attribute": "income", "band": "under 15,000"}, {"attribute": "dependants", "value": 2}]
        assessment = {
            **_SUBJECT,
            "lgsl": _HOMELESSNESS_ASSESSMENT,
            "facts": facts,
            "status": "eligible",
            "outcome": "Relief duty owed.",
        }
        recorded = self.ask("POST", "/v1/assessments", assessment)
        self.telling.equal("an assessment is recorded", recorded.status, expected=201)
        reuse = {"decision": "accepted", "for_lgsl": _HOUSING_BENEFIT}
        reused = self.ask("POST", f"/v1/assessments/{recorded.body['assessment_id']}/reuse", reuse)
        self.telling.equal(
            "housing benefit reuses it, and asks two questions less", reused.body.get("re_asks_avoided"), expected=2
        )

    def preview(self) -> None:
        """Enter the service and the agreement, and look at what a referral would disclose before one is made."""
        entry = {"name": "Night shelter", "capacity": {"available": 3}, "taxonomy_terms": ["homelessness"]}
        path = f"/v1/organisations/{PARTNER}/services/{self.service_id}"
        entered = self.stage.desk(PARTNER, "admin").ask("PUT", path, json=entry)
        self.telling.equal("the partner enters its service in the directory", entered.status, expected=201)
        refused = self.ask("POST", "/v1/referrals", self.wanted())
        self.telling.equal(
            "without an agreement nothing is referred",
            (refused.status, refused.problem),
            expected=(403, "not-covered-by-agreement"),
        )
        self.agreement_id = bring_into_force(self.stage, referrals(BOROUGH, PARTNER))
        preview = self.ask("POST", "/v1/referrals/preview", self.wanted())
        self.telling.equal(
            "the preview names the fields that would be disclosed",
            preview.body["discloses"],
            expected={"contact_details": ["phones"], "identity": ["date_of_birth", "family_name", "given_names"]},
        )
        kept_back = {category for one in preview.body["withheld"] for category in one["categories"]}
        self.telling.check("and those that would be withheld", holds={"identifiers", "address"} <= kept_back)

    def referral(self) -> None:
        """Refer, and follow the referral through the partner's feed to its outcome on the single view."""
        referral = self.refer()
        told = self.listen(until="sent")
        self.telling.equal("the partner's feed names the referral", told["referral_id"], expected=referral)
        path = f"/v1/referrals/{referral}"
        payload = self.partner.ask("GET", f"{path}/payload", purpose=PURPOSE)
        self.telling.equal(
            "the partner pulls what was granted",
            (payload.body["subject"]["family_name"], payload.body["subject"]["phones"]),
            expected=(_RESIDENT["family_name"], _RESIDENT["phones"]),
        )
        leaked = [value for value in _NOT_GRANTED if value in payload.text]
        self.telling.equal("and nothing else is in the bytes", leaked, expected=[])
        early = self.move(referral, "complete", outcome="need-met")
        self.telling.equal(
            "it cannot be completed before it is received: 409, with what is legal",
            (early.status, early.body.get("legal")),
            expected=(409, ["receive"]),
        )
        for action in ("receive", "accept", "start"):
            self.telling.equal(f"the partner: {action}", self.move(referral, action).status, expected=200)
        done = self.move(referral, "complete", outcome="need-met")
        self.telling.equal("the partner: complete", done.body.get("status"), expected="completed")
        view = self.worker.ask("GET", f"/v1/people/{self.person}", purpose=PURPOSE).body
        seen = [(one["referral_id"], one["status"], one["outcome"]) for one in view["referrals"]]
        self.telling.equal("the outcome is on the single view", seen, expected=[(referral, "completed", "need-met")])
        counted = {name: len(view[name]) for name in ("contacts", "cases", "episodes", "assessments")}
        expected = {"contacts": 1, "cases": 2, "episodes": 1, "assessments": 1}
        self.telling.equal("with all that was done for the resident", counted, expected=expected)
        on_episode = self.outcome_on_the_episode(view["episodes"][0]["episode_id"])
        self.telling.equal("and comes back to the episode", on_episode, expected=[(referral, "completed", "need-met")])
        closed = self.ask("POST", f"{path}/transitions", {"action": "close"})
        self.telling.equal("the borough has seen it, and closes", closed.body.get("status"), expected="closed")

    def outcome_on_the_episode(self, episode_id: str) -> list[tuple[str, str, str]]:
        """Read what the episode tells of referrals, once its event has had the time to come."""
        patience = monotonic() + _PATIENCE_SECONDS
        while True:
            episode = self.worker.ask("GET", f"/v1/episodes/{episode_id}", purpose=PURPOSE).body
            told = [(one["referral_id"], one["status"], one["outcome"]) for one in episode["referrals"]]
            if any(outcome for _, _, outcome in told) or monotonic() > patience:
                return told
            sleep(0.1)

    def suspension(self) -> None:
        """Suspend the agreement while a referral is open."""
        self.telling.chapter("The agreement is suspended while a referral is open")
        referral = self.refer()
        self.listen(until="sent")
        path = f"/v1/referrals/{referral}"
        lead = self.stage.desk(BOROUGH, "ig-lead")
        answer = lead.ask(
            "POST",
            f"/v1/agreements/{self.agreement_id}/transitions",
            json={"action": "suspend", "reason": "incident under review"},
        )
        self.telling.equal("it is suspended", answer.body.get("status"), expected="suspended")
        payload = self.partner.ask("GET", f"{path}/payload", purpose=PURPOSE)
        self.telling.equal(
            "on the very next call the payload is closed",
            (payload.status, payload.problem),
            expected=(403, "not-covered-by-agreement"),
        )
        told = self.listen(until="recalled")
        self.telling.equal("the partner is told of the recall", told["referral_id"], expected=referral)
        recalled = self.partner.ask("GET", path, purpose=PURPOSE)
        self.telling.equal(
            "which leaves it one thing to do",
            (recalled.body["status"], recalled.body["legal"], recalled.body["need"]),
            expected=("recalled", ["confirm-deletion"], None),
        )
        confirmed = self.move(referral, "confirm-deletion")
        self.telling.equal("it confirms that it deleted what it held", confirmed.status, expected=200)

    def wanted(self) -> dict[str, Any]:
        """Give what the caseworker asks for."""
        return {**_SUBJECT, "service_id": self.service_id, "need": "a bed from Friday", "urgency": "urgent"}

    def refer(self) -> str:
        """Make a referral; give its id."""
        made = self.ask("POST", "/v1/referrals", self.wanted())
        self.telling.equal(
            "a referral is made and authorised", (made.status, made.body.get("status")), expected=(201, "authorised")
        )
        return str(made.body["referral_id"])

    def listen(self, *, until: str) -> dict[str, Any]:
        """Read the partner's feed on until it tells of a state; give that item."""
        patience = monotonic() + _PATIENCE_SECONDS
        while monotonic() < patience:
            after = f"&after={self.cursor}" if self.cursor else ""
            feed = self.partner.ask("GET", f"/v1/events?wait=5{after}").body
            self.cursor = feed["next"]
            for item in feed["items"]:
                if item["status"] == until:
                    found: dict[str, Any] = item
                    return found
        self.telling.check(f"the feed tells of “{until}”", holds=False, found="nothing")
        return {}

    def move(self, referral: str, action: str, **said: str) -> Reply:
        """Move a referral on, as its partner."""
        path = f"/v1/referrals/{referral}/transitions"
        return self.partner.ask("POST", path, purpose=PURPOSE, json={"action": action, **said})

    def ask(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        """Call as the borough's caseworker."""
        return self.worker.ask(method, path, purpose=PURPOSE, json=body)
