"""Writes the rows of records that were taken in: what they say, what matching compares, and their keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Uuid

from customer_index.persons import Placed
from customer_index.preparation import Assertion, Prepared
from customer_index.tables import members, records
from shared.db import AnyRow, Transaction

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
        await tx.execute(
            insert(records),
            [
                {
                    "record_id": taken[one.local_id][0],
                    "owner": by.owner,
                    "source": by.source.source,
                    "local_id": one.local_id,
                    "scope": by.scope,
                    "version": 1,
                    **_content(one, by.at),
                }
                for one in new
            ],
        )
        await tx.execute(
            insert(members),
            [
                {
                    "record_id": taken[one.local_id][0],
                    "person_id": belongs[taken[one.local_id][0]],
                    "owner": by.owner,
                    "source": by.source.source,
                    "scope": by.scope,
                    "features": one.features.to_json(),
                }
                for one in new
            ],
        )
    if changed:
        await _save_corrections(tx, changed, corrected=corrected, belongs=belongs, by=by)
    carried = [(key.digest, taken[one.local_id][0]) for one in news for key in one.keys]
    await tx.execute(
        _ADD_KEYS,
        {
            "owner": by.owner,
            "scope": by.scope,
            "keys": [key for key, _ in carried],
            "records": [record_id for _, record_id in carried],
        },
    )


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


def _content(one: Prepared, at: datetime) -> dict[str, Any]:
    return {
        "data": one.data,
        "warnings": [warned.model_dump() for warned in one.warnings],
        "digest": one.digest,
        "asserted_at": at,
    }
