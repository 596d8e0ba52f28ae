"""An assertion before anything is locked or read: the record checked and brought into comparable form.

Pure: what is said here about a record depends on the record alone.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from customer_index.blocking import BlockKey, block_keys
from customer_index.household import relation_key, relation_keys
from customer_index.normalise import Features, features
from customer_index.problems import NamelessRecord
from customer_index.schemas import NewRecord, Warned
from customer_index.validity import check, is_nameable
from shared.categories import Scope, scope_of
from shared.permit import SourceFacts
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Assertion:
    """Who asserts, for which of its sources, by which audited call and when."""

    owner: str
    source: SourceFacts
    txn: UUID
    at: datetime

    @property
    def scope(self) -> Scope:
        """The scope the source's records belong to."""
        return scope_of(self.owner, self.source.service_area)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record checked and brought into comparable form, before anything is locked or read."""

    local_id: str
    data: dict[str, Any]
    digest: bytes
    warnings: tuple[Warned, ...]
    features: Features
    keys: tuple[BlockKey, ...]


def prepare(source: str, local_id: str, record: NewRecord) -> Prepared:
    """Check a record and derive what matching compares; raise `NamelessRecord` if nothing names its customer."""
    data = record.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"local_id"})
    if not is_nameable(data):
        raise NamelessRecord(
            "The record has no usable name and no valid identifier.",
            errors=[FieldError("/family_name", "give a name, an NHS number or a National Insurance number")],
        )
    relations = relation_keys(source, data)
    normal = replace(
        features(data), named=relation_key(source, local_id), relates=tuple(key.digest for key in relations)
    )
    return Prepared(
        local_id=local_id,
        data=data,
        digest=hashlib.sha256(to_json(data)).digest(),
        warnings=tuple(Warned(pointer=one.pointer, detail=one.detail) for one in check(data)),
        features=normal,
        keys=(*block_keys(normal), *relations),
    )
