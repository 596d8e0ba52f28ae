"""Work on a resident's case tells a borough nothing of what another borough holds of the same human being.

The same work is done for two residents of lbhf, of whom wcc knows one, with a case of its own; linkage is agreed both
ways, existence only towards wcc. What lbhf is told is equal to the byte, but for random ids, moments and what is made
of them.
"""

import re
from typing import Any

from tests.gateway.test_with_case_episodes import ADA, WILL, Council, council

__all__ = ["council"]

_OWN_TO_EACH_RUN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
)
"""Random ids, and moments."""
_MAY_DIFFER = {"date", "x-request-id", "traceparent", "ratelimit", "ratelimit-policy", "etag"}
SOMEBODY_ELSE: dict[str, Any] = {
    "given_names": ["Tobias", "Lee"],
    "family_name": "Marchetti-Boyd",
    "date_of_birth": "1961-11-23",
    "gender": "male",
    "nhs_number": None,
    "phones": ["07700 900777"],
    "emails": ["tobias@example.org"],
    "addresses": [{"lines": ["4 Quarry Mews"], "town": "London", "postcode": "W12 8AA", "uprn": "999900000444"}],
}


class Told:
    """Everything that was answered, with random ids and moments renamed by order of appearance."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.answers: list[str] = []

    def note(self, answer: Any) -> Any:
        """Keep an answer, and give its content."""
        headers = sorted((name, value) for name, value in answer.headers.items() if name not in _MAY_DIFFER)
        said = f"{answer.status_code}\n{headers}\n{answer.text}"
        named = _OWN_TO_EACH_RUN.sub(lambda found: self._names.setdefault(found[0], f"new-{len(self._names)}"), said)
        self.answers.append(named)
        return answer.json()


async def lbhf_at_work(council: Council, local_id: str, person_id: str) -> list[str]:
    """Open, move and read cases of a resident, with a contact and an assessment; give all that was told."""
    told = Told()
    case = told.note(await council.open_case(local_id=local_id))
    told.note(await council.open_case(source=None, local_id=None, person_id=person_id))
    path = f"/v1/cases/{case['case_id']}"
    told.note(await council.call("GET", path, purpose="benefits"))
    told.note(await council.call("POST", f"{path}/transitions", purpose="benefits", json={"to": "in-progress"}))
    told.note(await council.call("POST", f"{path}/transitions", purpose="benefits", json={"to": "closed"}))
    told.note(await council.call("POST", f"{path}/notes", purpose="benefits", json={"text": "Rang back."}))
    told.note(await council.call("GET", f"/v1/episodes/{case['episode_id']}", purpose="benefits"))
    contact = {"person_id": person_id, "channel": "telephone", "lgsl": 69, "lgil": 8}
    told.note(await council.call("POST", "/v1/contacts", purpose="benefits", json=contact))
    assessment = {"person_id": person_id, "lgsl": 69, "facts": [{"attribute": "income", "band": "low"}]}
    told.note(await council.call("POST", "/v1/assessments", purpose="benefits", json=assessment))
    told.note(await council.call("GET", f"/v1/people/{person_id}/assessments", purpose="benefits"))
    return told.answers


async def test_what_lbhf_is_told_of_a_case_does_not_depend_on_what_wcc_holds(council: Council) -> None:
    alone = await council.assert_record("lbhf", "housing", "r-1", **SOMEBODY_ELSE)
    shared = await council.assert_record("lbhf", "housing", "r-2")
    theirs = await council.assert_record("wcc", "housing", "r-2")
    await council.platform.agree()
    await council.settle()
    of_theirs = await council.open_case(WILL, "housing", lgsl=112, local_id="r-2")
    assert of_theirs.status_code == 201, of_theirs.text
    linked = (await council.call("GET", f"/v1/people/{theirs}", WILL, "homelessness")).json()["linked"]
    assert [one["person_id"] for one in linked] == [shared], "the two are linked, and wcc may know it"

    of_one_alone = await lbhf_at_work(council, "r-1", alone)
    of_one_shared = await lbhf_at_work(council, "r-2", shared)

    assert of_one_alone[0].startswith("201"), of_one_alone[0]
    for one, other in zip(of_one_alone, of_one_shared, strict=True):
        assert one == other
    refused = await council.call("GET", f"/v1/cases/{of_theirs.json()['case_id']}", ADA, "housing")
    assert refused.status_code == 404
