"""Boroughs that let their persons be linked: the events that say so, and residents known to several."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from shared.events import AgreementChanged, Envelope, Event, LinkageFlow, SourceChanged
from tests.builders import AT, ORDINARY_AREAS, a_record, facts, write_permit
from tests.customer_index.conftest import Index

AGREEMENT = UUID("00000000-0000-4000-8000-0000000000a1")


def event(happened: Event, *, subject: str, version: int) -> Envelope:
    """Put an event of the gateway into its envelope."""
    return Envelope(
        id=uuid4(),
        source="/gateway",
        type=happened.type,
        topic=happened.topic,
        subject=subject,
        aggregate_version=version,
        owner="platform",
        txn=uuid4(),
        time=AT,
        data=happened.model_dump(mode="json"),
    )


def agreement_changed(
    *directions: tuple[str, str] | tuple[str, str, Sequence[str]],
    version: int = 1,
    status: str = "active",
    agreement_id: UUID = AGREEMENT,
    valid_from: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    valid_until: datetime = datetime(2028, 1, 1, tzinfo=UTC),
) -> Envelope:
    """Tell of an agreement with linkage in some directions: provider, recipient and, if not all, the areas."""
    happened = AgreementChanged(
        agreement_id=agreement_id,
        version=version,
        status=status,
        valid_from=valid_from,
        valid_until=valid_until,
        linkage=[
            LinkageFlow(
                provider=provider, recipient=recipient, service_areas=list(areas[0]) if areas else list(ORDINARY_AREAS)
            )
            for provider, recipient, *areas in directions
        ],
    )
    return event(happened, subject=str(agreement_id), version=version)


def source_changed(owner: str, source: str, *, version: int = 1, **changes: Any) -> Envelope:
    """Tell of a source registered anew."""
    said = facts(source, **changes)
    happened = SourceChanged(
        owner=owner,
        source=source,
        service_area=said.service_area,
        trust=said.trust,
        linkage=said.linkage,
        statutory_bar=said.statutory_bar,
    )
    return event(happened, subject=f"{owner}/{source}", version=version)


async def put(
    index: Index, owner: str, name: str, record: Mapping[str, Any] | None = None, **source_facts: Any
) -> dict[str, Any]:
    """Assert a record, named `source/local_id`, and give the answer."""
    source, _, local_id = name.partition("/")
    permit = write_permit(owner, source)
    if source_facts:
        permit = replace(permit, source=facts(source, **source_facts))
    answer = await index.call(
        "PUT", f"/v1/sources/{source}/records/{local_id}", permit, json=record if record is not None else a_record()
    )
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


async def linked_boroughs(index: Index) -> tuple[str, str]:
    """Let one human being be known, and linked, to lbhf and wcc; give both persons."""
    ours = await put(index, "lbhf", "crm/c-1")
    await put(index, "lbhf", "housing/h-1")
    theirs = await put(index, "wcc", "crm/w-1")
    await index.consume(agreement_changed(("lbhf", "wcc"), ("wcc", "lbhf")))
    await index.link()
    return ours["person_id"], theirs["person_id"]
