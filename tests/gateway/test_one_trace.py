"""One call is one trace: the gateway, the service behind it, its change, the event of that, and what comes of it."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import httpx
import pytest

from single_node.postgres import Server
from tests.alike import told
from tests.builders import a_record
from tests.customer_index import canaries
from tests.gateway.residents import EVERYTHING, HOMELESS
from tests.gateway.whole import Whole, a_peopled_platform
from tests.traces import HOSTILE, STRANGER, Made, recording

RECORD: Final = "/v1/sources/{source}/records/{local_id}"
ADA: Final = "lbhf/ada/caseworker"
SAID: Final = {
    "cloudevents.event_source",
    "cloudevents.event_type",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "messaging.destination.name",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.system",
    "scv.action",
    "scv.outcome",
    "scv.purpose",
    "service.peer.name",
}
"""All that spans speak of."""


@pytest.fixture
async def whole(peopled: Server) -> AsyncIterator[Whole]:
    """The whole platform."""
    async with a_peopled_platform(peopled) as served:
        yield served


async def put(whole: Whole, *, local_id: str = "r-1", headers: Any = None, **changes: Any) -> httpx.Response:
    """Assert a record of lbhf's as its CRM."""
    path = RECORD.format(source="crm", local_id=local_id)
    body = a_record(**changes)
    return await whole.call("PUT", path, "lbhf/crm/system", "data-stewardship", json=body, headers=headers or {})


def ancestors(spans: Sequence[Made], span: Made) -> list[str]:
    """Name what a span is part of, itself first."""
    by_id = {one.span_id: one for one in spans}
    names = [span.name]
    while span.parent_id:
        span = by_id[span.parent_id]
        names.append(span.name)
    return names


async def test_a_change_and_all_that_comes_of_it_is_one_trace(whole: Whole) -> None:
    await whole.settle()
    with recording() as traces:
        answer = await put(whole)
        await whole.settle()

    spans = [span for span in traces.spans() if span.trace_id == answer.headers["X-Request-Id"].replace("-", "")]
    asserted = [f"PUT {RECORD}", "PUT customer-index", f"PUT {RECORD}"]
    kept = [one for one in spans if one.name == "process scv.people"]
    assert [ancestors(spans, one) for one in kept] == [["process scv.people", "transaction", *asserted]] * 2
    (published,) = [one for one in spans if one.name == "send scv.people"]
    assert ancestors(spans, published) == ["send scv.people", "transaction", *asserted]
    effects = [one for one in spans if one.parent_id in {one.span_id for one in kept}]
    assert {one.name for one in effects} == {"transaction"}
    assert {one.trace_id for one in traces.spans() if "scv.people" in one.name} == {spans[0].trace_id}
    (first,) = [one for one in spans if not one.parent_id]
    assert (first.kind, first.attributes) == (
        "SERVER",
        {
            "http.request.method": "PUT",
            "http.route": RECORD,
            "http.response.status_code": 201,
            "scv.action": "write",
            "scv.purpose": "data-stewardship",
            "scv.outcome": "done",
        },
    )
    assert published.kind == "PRODUCER"
    assert {one.kind for one in kept} == {"CONSUMER"}


async def test_a_view_is_one_trace_over_the_services_it_is_put_together_from(whole: Whole) -> None:
    person_id = (await put(whole)).json()["person_id"]
    await whole.settle()
    with recording() as traces:
        answer = await whole.call("GET", f"/v1/people/{person_id}", ADA)
    assert answer.status_code == 200

    spans = traces.spans()
    assert len({span.trace_id for span in spans}) == 1
    (view,) = [span for span in spans if not span.parent_id]
    asked = {span.name for span in spans if span.kind == "CLIENT" and span.parent_id == view.span_id}
    assert {"GET customer-index", "transaction"} <= asked
    assert len({name for name in asked if name.endswith(("-index", "-episodes", "referrals"))}) == 3
    inner = [span for span in spans if span.kind == "SERVER" and span is not view]
    by_id = {span.span_id: span for span in spans}
    assert {by_id[span.parent_id].kind for span in inner} == {"CLIENT"}


async def test_a_stranger_has_no_say_in_our_traces(whole: Whole) -> None:
    for flag in ("00", "01"):
        with recording() as traces:
            answer = await put(whole, headers={"traceparent": f"{STRANGER[:-2]}{flag}", "tracestate": "x=1"})
        assert answer.status_code in (200, 201)

        spans = traces.spans()
        stranger = STRANGER.split("-")[1]
        assert stranger not in {span.trace_id for span in spans}
        assert {span.links for span in spans} == {(), (stranger,)}
        (first,) = [span for span in spans if span.links]
        assert not first.parent_id
        assert "x=1" not in "".join(span.told for span in spans)


async def test_what_is_sent_as_a_traceparent_changes_no_answer(whole: Whole) -> None:
    person_id = (await put(whole)).json()["person_id"]
    await whole.settle()
    for path in (f"/v1/people/{person_id}", "/v1/people/11111111-1111-4111-8111-111111111111"):
        plain = await whole.call("GET", path, ADA)
        for sent in (STRANGER, *HOSTILE):
            with recording() as traces:
                answer = await whole.call("GET", path, ADA, headers=[("traceparent", sent.encode("latin-1"))])
            assert _but_the_decision(answer) == _but_the_decision(plain)
            if sent in HOSTILE:
                assert {span.links for span in traces.spans()} == {()}
                assert len({span.trace_id for span in traces.spans()}) == 1


async def test_spans_say_what_kind_of_work_was_done_and_nothing_of_anybody(whole: Whole) -> None:
    await whole.agree(EVERYTHING, "lbhf", "wcc")
    with recording() as traces:
        ids = await _tell_tales(whole)
        await whole.settle()

    everything = "".join(span.told for span in traces.spans())
    assert len(traces.spans()) > 50
    assert canaries.found_in(everything, canaries.all_values()) == []
    assert canaries.found_in(everything, [*ids, "tale", "bearer"]) == []
    assert re.search(r"\bada\b", everything) is None  # as a word: the ids of traces are written in such letters
    assert {name for span in traces.spans() for name in span.attributes} <= SAID
    assert '"exception' not in everything
    assert traces.spans()[0].attributes, "there is something to look at"


async def test_a_refusal_is_no_failure(whole: Whole) -> None:
    with recording() as traces:
        refused = await whole.call("GET", "/v1/people/11111111-1111-4111-8111-111111111111", ADA)
    assert refused.status_code == 404

    assert not [span.name for span in traces.spans() if span.failed]


async def _tell_tales(whole: Whole) -> list[str]:
    """Call with something telling in every place there is; give the ids that were made or named."""
    path, as_crm = "/v1/sources/crm/records/tale-1", ("lbhf/crm/system", "data-stewardship")
    record = dict(canaries.RECORD)
    headers = {"SCV-Case": "Zyxanthe", "traceparent": "Zyxanthe", "X-Zyxanthe": "Zyxanthe", "User-Agent": "Zyxanthe"}
    stored = await whole.call("PUT", path, *as_crm, json=record, headers=headers)
    assert stored.status_code == 201, stored.text
    told = stored.json()
    record_id = (await whole.done("GET", path, *as_crm))["record_id"]
    subject = {"source": "crm", "local_id": "tale-1"}
    case = {"subject": subject, "lgsl": HOMELESS, "lgil": 0, "description": "Zyxanthe"}
    opened = await whole.call("POST", "/v1/cases", ADA, json=case, headers={"Idempotency-Key": "tale-key-1"})
    search = {"family_name": "Vandersprocket", "date_of_birth": "1951-11-23"}
    asked: list[tuple[str, str, str, dict[str, Any]]] = [
        ("POST", "/v1/people/search", ADA, {"json": search}),
        ("POST", "/v1/people/search?Zyxanthe=Zyxanthe", ADA, {"json": search | {"Zyxanthe": 1}}),
        ("POST", "/v1/people/search", ADA, {"content": b"{Zyxanthe"}),
        ("GET", f"/v1/people/{told['person_id']}", ADA, {"headers": {"SCV-Emergency": "harm; Zyxanthe"}}),
        ("GET", f"/v1/people/{told['person_id']}", "rbkc/front/frontline", {}),
        ("GET", f"/v1/people/{told['person_id']}/timeline", ADA, {}),
        ("GET", "/v1/people/Zyxanthe", ADA, {}),
        ("GET", "/v1/Zyxanthe", ADA, {}),
        ("ZYXANTHE", "/v1/people/search", ADA, {}),
        ("PUT", path, "lbhf/crm/system", {"json": record | {"Zyxanthe": "Zyxanthe"}}),
        ("DELETE", path, "lbhf/crm/system", {}),
    ]
    for method, target, who, sent in asked:
        await whole.call(method, target, who, **sent)
    return [told["person_id"], record_id, *(str(one) for name, one in opened.json().items() if name.endswith("_id"))]


def _but_the_decision(answer: httpx.Response) -> str:
    """Give all an answer tells but the id of its own decision."""
    body = answer.json()
    return told(answer).replace(str(body.get("decision_id", "no decision")), "")
