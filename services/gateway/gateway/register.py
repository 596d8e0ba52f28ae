"""The register in memory: everything decisions are made from, as of one governance epoch.

In this room: loading it, keeping it until a change is noticed, and the decisions made from it. A register in memory may
be older than the database without harm: what is decided from it carries its epoch, and the audit accepts no row of an
older epoch than the database's. Not in this room: the rules (`policy`) and the audit.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final, Generic, TypeVar

from pydantic_core import to_json

from gateway.explain import Denial, explain
from gateway.governance import Governance
from gateway.mandate import Mandate
from gateway.organisation import OrganisationKind
from gateway.policy import Decision, decide, linkages
from gateway.queries.register import RegisterRows, get_epoch, get_register, get_standing
from gateway.standing import Caller, Standing
from shared.categories import Action, Purpose, Role, Scope, scope_of, split_scope
from shared.db import Database
from shared.identity import TrustedIssuer
from shared.permit import Linkage, SourceFacts

_KEPT_STANDINGS: Final = 20_000
_KEPT_DECISIONS: Final = 20_000
_FLOOR_SECONDS: Final = 1.0
"""Bad tokens make this process ask for the epoch no more often than this."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values used last, at most so many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Give a value, and count it as used."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def keep(self, key: K, value: V) -> None:
        """Keep a value, and let go of the one unused longest."""
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)


DecisionKey = tuple[str, str, str, frozenset[Role], Purpose, Action, str | None]
DenialsKey = tuple[str, str, str, frozenset[Role], Purpose, Scope]
"""Whom a caller acts for, its employer, who it is, the roles it holds, and what it asks."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The register as of one epoch."""

    epoch: int
    policy: str
    """Hash of everything decisions are made from, but for the standing of staff."""
    organisations: Mapping[str, OrganisationKind]
    issuers: Mapping[str, TrustedIssuer]
    issued_for: Mapping[str, str]
    sources: Mapping[str, Mapping[str, SourceFacts]]
    governance: Governance
    mandates: Sequence[Mandate]
    standings: Recent[tuple[str, str], Standing] = field(default_factory=lambda: Recent(_KEPT_STANDINGS))
    decisions: Recent[DecisionKey, Decision] = field(default_factory=lambda: Recent(_KEPT_DECISIONS))
    denials: Recent[DenialsKey, tuple[Decision, Sequence[Denial]]] = field(
        default_factory=lambda: Recent(_KEPT_DECISIONS)
    )

    def decide(
        self, caller: Caller, *, purpose: Purpose, action: Action, at: datetime, emergency: str | None = None
    ) -> Decision:
        """Decide a call, or give the decision made before while nothing that it rests on has changed."""
        key = (caller.org, caller.employing_org, caller.subject, caller.held_roles, purpose, action, emergency)
        kept = self.decisions.get(key)
        if kept is not None and (kept.valid_until is None or at < kept.valid_until):
            return kept
        decision = decide(self.governance, caller=caller, purpose=purpose, action=action, at=at, emergency=emergency)
        self.decisions.keep(key, decision)
        return decision

    def explain(self, caller: Caller, *, purpose: Purpose, at: datetime, scope: Scope) -> Sequence[Denial]:
        """Explain what a reader is not granted in one scope, or give what was explained before while it still holds."""
        decision = self.decide(caller, purpose=purpose, action=Action.READ, at=at)
        key = (caller.org, caller.employing_org, caller.subject, caller.held_roles, purpose, scope)
        kept = self.denials.get(key)
        if kept is not None and kept[0] is decision:
            return kept[1]
        provider, area = split_scope(scope)
        denials = explain(
            self.governance,
            caller=caller,
            purpose=purpose,
            action=Action.READ,
            at=at,
            provider=provider,
            service_area=area,
        )
        self.denials.keep(key, (decision, denials))
        return denials

    def linkages_seen(self, decision: Decision, *, org: str, at: datetime) -> tuple[Linkage, ...]:
        """Give the links between owners that a caller may follow: those between owners it may know of."""
        visible = {org, *(split_scope(scope)[0] for scope in decision.grants)}
        return tuple(
            Linkage(first, second, first_areas, second_areas)
            for (first, second), (first_areas, second_areas) in linkages(self.governance, at=at).items()
            if first in visible and second in visible
        )

    def barred(self, decision: Decision) -> tuple[str, ...]:
        """Give the sources that a statute keeps from this call: all it bars, but where a clause lifts the bar."""
        return tuple(
            f"{org}/{name}"
            for org, of_org in sorted(self.sources.items())
            for name, facts in sorted(of_org.items())
            if facts.statutory_bar is not None and scope_of(org, facts.service_area) not in decision.grants
        )


class Register:
    """Keeps the newest snapshot this process knows of."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot: Snapshot | None = None
        self._loading = asyncio.Lock()
        self._asked_at = -_FLOOR_SECONDS

    async def snapshot(self) -> Snapshot:
        """Give the register; load it if a change was noticed since it was loaded last."""
        if self._snapshot is not None:
            return self._snapshot
        async with self._loading:
            if self._snapshot is None:
                async with self._database.transaction() as tx:
                    self._snapshot = _snapshot(await get_register(tx))
            return self._snapshot

    async def standing(self, snapshot: Snapshot, *, org: str, subject: str) -> Standing:
        """Give what an organisation's staff register says of a subject; nothing of one it does not know."""
        kept = snapshot.standings.get((org, subject))
        if kept is None:
            worker = {"scv.org": org, "scv.worker": f"{org}/{subject}"}
            async with self._database.transaction(worker) as tx:
                kept = await get_standing(tx, org=org, subject=subject)
            snapshot.standings.keep((org, subject), kept)
        return kept

    def forget(self, snapshot: Snapshot) -> None:
        """Let go of a snapshot that a change has made old."""
        if self._snapshot is snapshot:
            self._snapshot = None

    async def is_outdated(self, snapshot: Snapshot) -> bool:
        """Ask the database, but not again and again, whether something was changed since a snapshot."""
        if monotonic() - self._asked_at < _FLOOR_SECONDS:
            return False
        self._asked_at = monotonic()
        async with self._database.transaction() as tx:
            return await get_epoch(tx) != snapshot.epoch


def _snapshot(rows: RegisterRows) -> Snapshot:
    return Snapshot(
        epoch=rows.epoch,
        policy=hashlib.sha256(to_json(rows.fingerprint)).hexdigest(),
        organisations=rows.organisations,
        issuers={issuer.issuer: issuer for issuer in rows.issuers.values()},
        issued_for=rows.issued_for,
        sources=rows.sources,
        governance=rows.compiled(),
        mandates=rows.mandates,
    )
