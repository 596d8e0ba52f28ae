"""The third part of the demo: what callers get wrong, and the problem each of them is told."""

from typing import Final

from single_node.demo.desk import Desk, Reply
from single_node.demo.stage import Stage

_PURPOSE: Final = "data-stewardship"
_RECORD: Final = "/v1/sources/crm/records/DEMO-1"
_SOMEONE: Final = {"family_name": "Featherstone", "date_of_birth": "1980-02-29"}


def play_mistakes(stage: Stage) -> None:
    """Make one mistake after another, and check that nothing of them was kept. Raises `Surprise`."""
    stage.telling.chapter("What callers get wrong")
    crm = stage.desk("lbhf", "system", subject="crm")
    forger = Desk("a forger", stage.telling, stage.http, crm.token[:-6] + "AAAAAA")
    nobody = Desk("nobody", stage.telling, stage.http, "")
    answers = {
        "a forged token": (forger.ask("PUT", _RECORD, purpose=_PURPOSE, json=_SOMEONE), 401),
        "no token": (nobody.ask("PUT", _RECORD, purpose=_PURPOSE, json=_SOMEONE), 401),
        "no purpose": (crm.ask("PUT", _RECORD, json=_SOMEONE), 400),
        "half a JSON": (crm.ask("PUT", _RECORD, purpose=_PURPOSE, content=b'{"family_name": ', headers=_JSON), 400),
        "an unknown field": (crm.ask("PUT", _RECORD, purpose=_PURPOSE, json={**_SOMEONE, "shoe_size": 9}), 422),
        "another's source": (crm.ask("PUT", _RECORD.replace("crm", "parking"), purpose=_PURPOSE, json=_SOMEONE), 404),
        "a body too large": (_oversize(crm), 413),
        "too little to search": (
            stage.desk("lbhf", "caseworker").ask(
                "POST", "/v1/people/search", purpose="customer-service", json={"given_names": ["Ann"]}
            ),
            422,
        ),
    }
    for mistake, (answer, status) in answers.items():
        told = answer.headers.get("content-type", "").startswith("application/problem+json")
        stage.telling.equal(f"{mistake} is a {status} problem", (answer.status, told), expected=(status, True))
        echoed = "Featherstone" in answer.text or "1980-02-29" in answer.text
        stage.telling.check("and it repeats nothing that was sent", holds=not echoed)
    kept = crm.ask("GET", _RECORD, purpose=_PURPOSE)
    stage.telling.equal("nothing half-written is left of them", kept.status, expected=404)


def _oversize(desk: Desk) -> Reply:
    return desk.ask("PUT", _RECORD, purpose=_PURPOSE, json={**_SOMEONE, "known_as": "x" * 1_100_000})


_JSON: Final = {"Content-Type": "application/json"}
