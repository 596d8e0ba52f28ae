"""Writes the rows of records that were taken in: what they say, what matching compares, and their keys."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import BigInteger, Uuid

from customer_index.persons import Placed
from customer_index.preparation import Assertion, Prepared
from customer_index.tables import members, records
from shared.db import AnyRow, Transaction

_ENTER = text(
    """
    WITH entered AS (
      SELECT * FROM jsonb_to_recordset(:entered) AS one(
        record_id uuid, person_id uuid, local_id text, data jsonb, warnings jsonb, digest text, features jsonb)),
    known AS (
      INSERT INTO sources (owner, source, service_area, trust, linkage, statutory_bar)
      VALUES (:owner, :source, :service_area, :trust, :linkage, :statutory_bar) ON CONFLICT DO NOTHING),
    asserted AS (
      INSERT INTO records (record_id, owner, source, local_id, scope, version, data, warnings, digest, asserted_at)
      SELECT record_id, :owner, :source, local_id, :scope, 1, data, warnings, decode(digest, 'hex'),
             CAST(:asserted_at AS timestamptz) FROM entered),
    belonging AS (
      INSERT INTO members (record_id, person_id, owner, source, scope, features)
      SELECT record_id, person_id, :owner, :source, :scope, features FROM entered)
    INSERT INTO block_keys (key, owner, record_id, scope)
    SELECT key, :owner, record_id, :scope FROM unnest(:keys, :records) AS added(key, record_id)
    """
).bindparams(
    bindparam("entered", type_=JSONB),
    bindparam("keys", type_=ARRAY(BigInteger)),
    bindparam("records", type_=ARRAY(Uuid)),
)
"""One statement for all that a new record is, so that asserting one pays one round trip for it; its source too, in
case the event that tells of it has not arrived yet."""

_ADD_KEYS = text(
    """
    INSERT INTO block_keys (key, owner, record_id, scope)
    SELECT key, :owner, record_id, :scope FROM unnest(:keys, :records) AS added(key, record_id)
    """
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)), bindparam("records", type_=ARRAY(Uuid)))

_DROP_KEYS = text("DELETE FROM block_keys WHERE record_id = ANY (:records)").bindparams(
    bindparam("records", type_=ARRAY(Uuid))
)


async def save_records(
    tx: Transaction,
    news: Sequence[Prepared],
    *,
    taken: dict[str, tuple[UUID, Placed]],
    corrected: dict[str, AnyRow],
    belongs: dict[UUID, UUID],
    by: Assertion,
) -> None:
    """Write records that are new and those of `corrected` that say something else, with their members and keys."""
    new = [one for one in news if one.local_id not in corrected]
    changed = [one for one in news if one.local_id in corrected]
    if new:
        entered = [
            {
                "record_id": taken[one.local_id][0],
                "person_id": belongs[taken[one.local_id][0]],
                "local_id": one.local_id,
                "data": one.data,
                "warnings": _warnings(one),
                "digest": one.digest.hex(),
                "features": one.features.to_json(),
            }
            for one in new
        ]
        said = {"entered": entered, "asserted_at": by.at, **asdict(by.source), **_carried(new, taken=taken, by=by)}
        await tx.execute(_ENTER, said)
    if changed:
        await _save_corrections(tx, changed, corrected=corrected, belongs=belongs, by=by)
        await tx.execute(_ADD_KEYS, _carried(changed, taken=taken, by=by))


async def _save_corrections(
    tx: Transaction,
    changed: Sequence[Prepared],
    *,
    corrected: dict[str, AnyRow],
    belongs: dict[UUID, UUID],
    by: Assertion,
) -> None:
    rows = [(one, corrected[one.local_id]) for one in changed]
    await tx.execute(_DROP_KEYS, {"records": [row.record_id for _, row in rows]})
    await tx.execute(
        update(records)
        .where(records.c.record_id == bindparam("one"))
        .values(
            version=records.c.version + 1,
            data=bindparam("new_data"),
            warnings=bindparam("new_warnings"),
            digest=bindparam("new_digest"),
            asserted_at=bindparam("new_asserted_at"),
        ),
        [
            {"one": row.record_id, **{f"new_{name}": value for name, value in _content(one, by.at).items()}}
            for one, row in rows
        ],
    )
    await tx.execute(
        update(members)
        .where(members.c.record_id == bindparam("one"))
        .values(features=bindparam("new_features"), person_id=bindparam("person")),
        [
            {
                "one": row.record_id,
                "new_features": one.features.to_json(),
                "person": belongs.get(row.record_id, row.person_id),
            }
            for one, row in rows
        ],
    )


def _carried(news: Sequence[Prepared], *, taken: dict[str, tuple[UUID, Placed]], by: Assertion) -> dict[str, Any]:
    """Give the keys that records carry, each beside the record that carries it, and whose they are."""
    carried = [(key.digest, taken[one.local_id][0]) for one in news for key in one.keys]
    return {
        "owner": by.owner,
        "scope": by.scope,
        "keys": [key for key, _ in carried],
        "records": [record_id for _, record_id in carried],
    }


def _warnings(one: Prepared) -> list[dict[str, Any]]:
    return [warned.model_dump() for warned in one.warnings]


def _content(one: Prepared, at: datetime) -> dict[str, Any]:
    return {
        "data": one.data,
        "warnings": _warnings(one),
        "digest": one.digest,
        "asserted_at": at,
    }
