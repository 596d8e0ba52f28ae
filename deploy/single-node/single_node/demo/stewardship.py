"""The last part of the demo: a wrong merge undone, and the audit sealed against anybody who would rewrite it."""

from collections.abc import Mapping
from time import monotonic, sleep
from typing import Any, Final

from gateway.leaf import Opening, opened
from gateway.merkle import is_included
from single_node.demo.desk import Reply
from single_node.demo.stage import Stage

_BOROUGH: Final = "lbhf"
_PURPOSE: Final = "data-stewardship"
_PATIENCE_SECONDS: Final = 20
_FATHER: Final = {
    "given_names": ["Ignatius"],
    "family_name": "Kettlewell-Danso",
    "date_of_birth": "1951-03-03",
    "phones": ["07700 900831"],
}
_SON: Final = {**_FATHER, "date_of_birth": "1983-10-21", "phones": ["07700 900832"]}


def play_stewardship(stage: Stage) -> None:
    """Play it, from the two namesakes to the proof of a row of the audit. Raises `Surprise`."""
    Steward(stage).play()


class Steward:
    """Two namesakes, and the steward who takes them for one."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.telling = stage.telling
        self.steward = stage.desk(_BOROUGH, "steward")

    def play(self) -> None:
        """Tell the whole of it."""
        self.telling.chapter("A wrong merge undone")
        father, son = self.enter("DEMO-FATHER", _FATHER), self.enter("DEMO-SON", _SON)
        self.telling.check("father and son of one name are two persons", holds=father != son)
        merged = self.act(f"/v1/people/{father}/merge", {"other": son, "reason": "same name, same house"})
        self.telling.equal("a steward takes them for one", merged.status, expected=200)
        self.telling.equal("one person has both records", self.records(father), expected={"DEMO-FATHER", "DEMO-SON"})
        gone = self.look(son)
        self.telling.equal(
            "the other id leads to it",
            (gone.status, gone.headers.get("location")),
            expected=(308, f"/v1/people/{father}"),
        )
        undo = f"/v1/stewardship/{merged.body['stewardship_id']}/undo"
        undone = self.act(undo, {})
        self.telling.equal("the merge is undone", undone.status, expected=200)
        self.telling.equal("the father has his own record", self.records(father), expected={"DEMO-FATHER"})
        self.telling.equal("and the son his, under his own id", self.records(son), expected={"DEMO-SON"})
        self.telling.equal("undone once is undone", self.act(undo, {}).status, expected=409)
        self.sealed()

    def sealed(self) -> None:
        """Ask for the proof that the look just made stands in the sealed log."""
        self.telling.chapter("The audit is sealed")
        decision = self.look_quietly().body["decision_id"]
        lead = self.stage.desk(_BOROUGH, "ig-lead")
        patience = monotonic() + _PATIENCE_SECONDS
        proof = lead.ask_quietly("GET", f"/v1/audit/{decision}/proof")
        while proof.status == 409 and monotonic() < patience:
            sleep(0.2)
            proof = lead.ask_quietly("GET", f"/v1/audit/{decision}/proof")
        self.telling.asked(f"{lead.who}: GET /v1/audit/{decision}/proof", answer=f"{proof.status} {proof.text}")
        self.telling.equal("the look just made has its place in the log", proof.status, expected=200)
        told = proof.body
        self.telling.check("the proof leads to the signed root", holds=_is_proved(told))
        rewritten = {**told, "row": {**told["row"], "subject": "somebody else"}}
        self.telling.check("and none leads there from a row that was rewritten", holds=not _is_proved(rewritten))

    def enter(self, local_id: str, record: dict[str, Any]) -> str:
        """Assert a resident as the borough's housing system; give the person."""
        system = self.stage.desk(_BOROUGH, "system", subject="housing")
        answer = system.ask("PUT", f"/v1/sources/housing/records/{local_id}", purpose=_PURPOSE, json=record)
        self.telling.equal("housing knows a resident more", answer.status, expected=201)
        self.last = str(answer.body["person_id"])
        return self.last

    def act(self, path: str, body: dict[str, Any]) -> Reply:
        """Decide something as the steward."""
        return self.steward.ask("POST", path, purpose=_PURPOSE, json=body)

    def look(self, person_id: str) -> Reply:
        """Ask for a single view as the steward."""
        return self.steward.ask("GET", f"/v1/people/{person_id}", purpose=_PURPOSE)

    def look_quietly(self) -> Reply:
        """Look at the resident entered last, without a word."""
        return self.steward.ask_quietly("GET", f"/v1/people/{self.last}", purpose=_PURPOSE)

    def records(self, person_id: str) -> set[str]:
        """List the local ids of the records of a person."""
        return {record["local_id"] for record in self.look(person_id).body["records"]}


def _is_proved(proof: Mapping[str, Any]) -> bool:
    """Follow a proof by hand, as anybody can: from the row to its leaf, and from the leaf to the root."""
    path = tuple(map(bytes.fromhex, proof["slot_path"]))
    leaf = opened(proof["row"], Opening(salt=bytes.fromhex(proof["salt"]), slot=proof["slot"], path=path))
    return is_included(
        leaf,
        index=proof["leaf_index"],
        size=proof["tree_size"],
        path=list(map(bytes.fromhex, proof["path"])),
        root=bytes.fromhex(proof["checkpoint"]["root_hash"]),
    )
