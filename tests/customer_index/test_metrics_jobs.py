"""What customer-index tells of its backlog: links, reviews and loads that wait, and what came of loads; and of permits
that its door refused."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from customer_index import jobs
from customer_index.metrics import JobMetrics
from shared.categories import Action
from shared.permit import HEADER, PermitMint, fingerprint
from tests.builders import AT, MINT, a_permit, a_record, write_permit
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put, source_changed
from tests.customer_index.loading import hand_over, ndjson, people
from tests.customer_index.stewarding import decide, reading, review_between, reviews, steward, two_in_review

RECORD = "/v1/sources/crm/records/c-1"


class Told:
    """The jobs' metrics, read anew for each question."""

    def __init__(self, index: Index) -> None:
        self.registry = CollectorRegistry()
        self.metrics = JobMetrics(self.registry)
        self._read = self.metrics.reading(index.database, index.worker)

    async def of(self, name: str, **labels: str) -> float:
        """Give the value of a sample after a reading."""
        await self._read()
        return self.now(name, **labels)

    def now(self, name: str, **labels: str) -> float:
        """Give the value of a sample; -1 if there is none."""
        found = self.registry.get_sample_value(name, labels)
        return -1 if found is None else found


@pytest.fixture
async def told(index: Index) -> Told:
    """The metrics of jobs that know two boroughs."""
    for owner in ("lbhf", "wcc"):
        await index.consume(source_changed(owner, "crm"))
    await index.link()
    return Told(index)


async def test_a_person_to_be_linked_is_seen_until_the_worker_has_looked(index: Index, told: Told) -> None:
    before = await told.of("scv_links_waiting")
    await put(index, "lbhf", "crm/c-1")
    asked = await told.of("scv_links_waiting")
    await index.link()

    assert before == 0
    assert asked >= 1
    assert await told.of("scv_links_waiting") == 0


async def test_a_review_inside_an_organisation_is_open_until_it_is_decided(index: Index, told: Told) -> None:
    assert await told.of("scv_reviews_open") == 0
    await two_in_review(index)
    assert await told.of("scv_reviews_open") == 1
    assert told.now("scv_reviews_oldest_seconds") > 0, "raised at the time of the tests, which is past"

    (review,) = await reviews(index)
    await decide(index, review, "no-match")

    assert await told.of("scv_reviews_open") == 0
    assert told.now("scv_reviews_oldest_seconds") == 0


async def test_a_review_between_two_is_open_once_until_both_have_decided(index: Index, told: Told) -> None:
    await review_between(index)
    assert await told.of("scv_reviews_open") == 1

    (review,) = await reviews(index, reading("lbhf", "wcc"))
    await decide(index, review, "no-match", steward("lbhf", "wcc"))
    after_one = await told.of("scv_reviews_open")
    await decide(index, review, "no-match", steward("wcc", "lbhf"))

    assert after_one == 1
    assert await told.of("scv_reviews_open") == 0


async def test_a_load_waits_and_is_then_counted_with_what_came_of_its_records(index: Index, told: Told) -> None:
    await hand_over(index, "lbhf", "crm", ndjson([*people(3), {"local_id": "bad", "uprn": "no such field"}]))
    waiting = await told.of("scv_loads", status="queued")
    age = told.now("scv_loads_oldest_seconds")

    while await jobs.take_in_next(index.database, index.worker, clock=lambda: AT, metrics=told.metrics):
        pass

    assert waiting == 1
    assert age > 0
    assert await told.of("scv_loads", status="queued") == 0
    assert told.now("scv_loads_oldest_seconds") == 0
    assert told.now("scv_load_records_total", outcome="created") == 3
    assert told.now("scv_load_records_total", outcome="rejected") == 1
    assert told.now("scv_loads_finished_total", status="done") == 1


async def test_every_permit_refused_is_counted_with_its_reason_and_the_caller_is_not_told(index: Index) -> None:
    permit = write_permit("lbhf", "crm")
    here = fingerprint("PUT", RECORD)
    late = AT + timedelta(minutes=5)
    stranger = PermitMint({**MINT._key.as_dict(private=True), "kid": "stranger-1"})
    tokens = {
        "missing": None,
        "unreadable": "not.a.permit",
        "unknown-key": stranger.mint(permit, audience="customer-index", request=here, at=AT),
        "other-service": MINT.mint(permit, audience="referrals", request=here, at=AT),
        "other-request": MINT.mint(permit, audience="customer-index", request=fingerprint("PUT", "/"), at=AT),
        "not-now": MINT.mint(permit, audience="customer-index", request=here, at=late),
        "other-action": MINT.mint(
            a_permit("lbhf", action=Action.SEARCH), audience="customer-index", request=here, at=AT
        ),
    }
    answers = []
    for reason, token in tokens.items():
        before = index.app.state.registry.get_sample_value("scv_permit_failures_total", {"reason": reason})
        headers = {} if token is None else {HEADER: token}
        answers.append(await index.client.put(RECORD, json=a_record(), headers=headers))
        after = index.app.state.registry.get_sample_value("scv_permit_failures_total", {"reason": reason})
        assert after == before + 1, reason

    assert {answer.status_code for answer in answers} == {401}
    bodies = [{key: said for key, said in answer.json().items() if key != "request_id"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
