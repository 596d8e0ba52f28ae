"""Finding people by what is known of somebody, within what is granted.

A scope is searched by a value only where that value's category is granted as a value there; elsewhere neither the hit
nor the weight says anything about it. Somebody protected is not found where an address, phone or e-mail is given.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from customer_index.blocking import KIND_CATEGORIES, block_keys
from customer_index.golden import golden_view
from customer_index.model import Model
from customer_index.normalise import Features, features
from customer_index.problems import TooLittleToGoOn
from customer_index.queries.people import VisibleRecord, by_person, find_visible_records
from customer_index.schemas import Found, NewSearch
from customer_index.scoring import compare
from shared.categories import SEALS, Category, Form, Protection
from shared.db import Transaction
from shared.permit import Permit

_WHEREABOUTS: Final = ("postcode", "uprn", "phone", "email")
"""Fields by which nobody protected is found."""
_MOST_RECORDS = 300
"""Records looked at under one key and set of scopes."""

_CANDIDATES = text(
    """
    SELECT DISTINCT found.person_id
      FROM unnest(:keys, :scopes) AS wanted(key, scopes)
           CROSS JOIN LATERAL (
             SELECT person_id FROM block_keys JOIN members USING (record_id)
              WHERE block_keys.key = wanted.key AND block_keys.scope = ANY (string_to_array(wanted.scopes, ','))
                AND (members.schemes = '{}' OR NOT EXISTS (
                  SELECT 1 FROM unnest(members.schemes) AS scheme
                   WHERE scheme = ANY (:closing) AND NOT members.owner || '/' || scheme = ANY (:cleared)))
              LIMIT :most) AS found
    """
).bindparams(
    bindparam("keys", type_=ARRAY(BigInteger)),
    bindparam("scopes", type_=ARRAY(Text)),
    bindparam("closing", type_=ARRAY(Text)),
    bindparam("cleared", type_=ARRAY(Text)),
)
"""Whom a protection closes to the search is passed over before anything is counted or compared."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A person found, with the records that were disclosed of it."""

    found: Found
    records: Sequence[VisibleRecord]


async def search_people(tx: Transaction, search: NewSearch, *, permit: Permit, model: Model, at: datetime) -> list[Hit]:
    """Give the likeliest persons, the best first; raise `TooLittleToGoOn` by the fields given alone."""
    _require_enough(search)
    wanted = features(_as_record(search))
    closing = SEALS if all(getattr(search, name) is None for name in _WHEREABOUTS) else frozenset(Protection)
    candidates = await _find_candidates(tx, wanted, permit=permit, closing=closing)
    visible = await find_visible_records(tx, person_ids=candidates, permit=permit, at=at)
    hits = []
    for person_id, records in by_person(visible).items():
        totals = [
            compare(wanted, record.features, model=model, categories=_searchable(record.granted)).total
            for record in records
        ]
        if max(totals) > 0:
            hits.append((max(totals), person_id, records))
    hits.sort(key=lambda hit: -hit[0])
    return [
        _hit(weight, person_id, records, model=model, today=at.date())
        for weight, person_id, records in hits[: search.limit]
    ]


async def _find_candidates(
    tx: Transaction, wanted: Features, *, permit: Permit, closing: Collection[Protection]
) -> list[UUID]:
    keys, scopes = [], []
    for key in block_keys(wanted):
        needed = KIND_CATEGORIES[key.kind]
        searchable = [scope for scope, granted in permit.grants.items() if needed <= _searchable(granted)]
        if searchable:
            keys.append(key.digest)
            scopes.append(",".join(searchable))
    if not keys:
        return []
    found = await tx.execute(
        _CANDIDATES,
        {
            "keys": keys,
            "scopes": scopes,
            "closing": list(closing),
            "cleared": list(permit.cleared),
            "most": _MOST_RECORDS,
        },
    )
    return list(found.scalars())


def _searchable(granted: Any) -> frozenset[Category]:
    if Category.EXISTENCE not in granted:
        return frozenset()
    return frozenset(category for category, form in granted.items() if form is Form.VALUE)


def _hit(weight: float, person_id: UUID, records: Sequence[VisibleRecord], *, model: Model, today: date) -> Hit:
    golden = golden_view([record.disclosed for record in records], today=today)
    summary: dict[str, Any] = {
        name: golden[name]["value"] for name in ("given_names", "family_name", "date_of_birth") if name in golden
    }
    address = golden.get("address", {}).get("value", {})
    if "postcode" in address:
        summary["postcode"] = address["postcode"]
    found = Found(
        person_id=person_id,
        owner=records[0].disclosed.owner,
        weight=round(weight, 2),
        probability=round(model.probability(weight), 6),
        summary=summary,
    )
    return Hit(found, records)


def _require_enough(search: NewSearch) -> None:
    telling = (*_WHEREABOUTS, "nhs_number", "national_insurance_number")
    named = [bool(search.given_names), bool(search.family_name), search.date_of_birth is not None]
    if not any(getattr(search, name) for name in telling) and sum(named) < 2:
        raise TooLittleToGoOn("Give more of what is known: one of these names or dates alone finds too many.")


def _as_record(search: NewSearch) -> dict[str, Any]:
    data = search.model_dump(mode="json", exclude_defaults=True)
    address = {name: data[name] for name in ("postcode", "uprn") if name in data}
    return {
        **data,
        "addresses": [address] if address else [],
        "phones": [data["phone"]] if "phone" in data else [],
        "emails": [data["email"]] if "email" in data else [],
    }
