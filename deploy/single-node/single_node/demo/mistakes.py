"""The third part of the demo: what callers get wrong, and the problem each of them is told."""

from collections.abc import Iterator
from typing import Final

from single_node.demo.desk import Desk, Reply
from single_node.demo.stage import Stage

_PURPOSE: Final = "data-stewardship"
_RECORD: Final = "/v1/sources/crm/records/DEMO-1"
_SOMEONE: Final = {"family_name": "Featherstone", "date_of_birth": "1980-02-29"}


def play_mistakes(stage: Stage) -> None:
    """Make one mistake after another, and check that nothing of them was kept. Raises `Surprise`."""
    stage.telling.chapter("What callers get wrong")
    for mistake, answer, status in _mistakes(stage):
        is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        stage.telling.equal(f"{mistake}: a {status} problem", (answer.status, is_problem), expected=(status, True))
        echoed = [sent for sent in ("Featherstone", "-02-29") if sent in answer.text]
        stage.telling.equal("and it repeats nothing that was sent", echoed, expected=[])
    kept = stage.desk("lbhf", "system", subject="crm").ask("GET", _RECORD, purpose=_PURPOSE)
    stage.telling.equal("nothing half-written is left of them", kept.status, expected=404)


def _mistakes(stage: Stage) -> Iterator[tuple[str, Reply, int]]:
    """Make each mistake when it is asked for; give its name, the answer and the status that is due."""
    crm = stage.desk("lbhf", "system", subject="crm")
    forger = Desk("a forger", stage.telling, stage.http, _forged(crm.token))
    nobody = Desk("nobody", stage.telling, stage.http, None)
    worker = stage.desk("lbhf", "caseworker")
    yield "a forged token", forger.ask("PUT", _RECORD, purpose=_PURPOSE, json=_SOMEONE), 401
    yield "no token", nobody.ask("PUT", _RECORD, purpose=_PURPOSE, json=_SOMEONE), 401
    yield "no purpose", crm.ask("PUT", _RECORD, json=_SOMEONE), 400
    half = b'{"family_name": "Featherstone", '
    yield "half a JSON", crm.ask("PUT", _RECORD, purpose=_PURPOSE, content=half, headers=_JSON), 400
    yield "an unknown field", crm.ask("PUT", _RECORD, purpose=_PURPOSE, json={**_SOMEONE, "shoe_size": 9}), 422
    yield "a day that never was", crm.ask("PUT", _RECORD, purpose=_PURPOSE, json=_SOMEONE | _NO_DAY), 422
    parking = _RECORD.replace("crm", "parking")
    yield "a source not of this borough", crm.ask("PUT", parking, purpose=_PURPOSE, json=_SOMEONE), 404
    yield "a body too large", crm.ask("PUT", _RECORD, purpose=_PURPOSE, json={**_SOMEONE, "known_as": _LONG}), 413
    vague = {"given_names": ["Ann"]}
    yield "too little to search", worker.ask("POST", "/v1/people/search", purpose="customer-service", json=vague), 422


def _forged(token: str | None) -> str:
    """Give a token whose signature was tampered with."""
    genuine = token or ""
    return genuine[:-10] + genuine[-10:].swapcase()


_JSON: Final = {"Content-Type": "application/json"}
_NO_DAY: Final = {"date_of_birth": "1981-02-29"}
_LONG: Final = "x" * 1_100_000
