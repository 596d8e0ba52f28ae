"""Who is calling, and whether they meet the conditions of a clause.

In this room: a caller, their training and commitments, and the conditions of a clause one by one, nearest to a grant
last. Not in this room: what their own borough allows them (`defaults`) and the decision (`policy`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from gateway.agreement import Cohort, CommitmentDemand, TrainingDemand
from gateway.governance import Clause
from gateway.lifecycle import AgreementStatus
from gateway.organisation import OrganisationKind
from shared.categories import Purpose, Role


class Reason(StrEnum):
    """Why something is refused, farthest from a grant first."""

    NOT_COVERED_BY_AGREEMENT = "not-covered-by-agreement"
    PURPOSE_NOT_PERMITTED = "purpose-not-permitted"
    ROLE_NOT_PERMITTED = "role-not-permitted"
    TRAINING_LAPSED = "training-lapsed"
    COMMITMENT_NOT_SIGNED = "commitment-not-signed"
    FORBIDDEN_BY_OWNER_POLICY = "forbidden-by-owner-policy"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why something is refused, by which clause if one comes near, and what would be needed."""

    reason: Reason
    needed: str
    clause: str | None = None


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Somebody who does not exist for a worker: the person behind a record of `org`, which entered the exclusion.

    `person_id` is whom the record stood for then, and counts once the record is gone.
    """

    org: str
    source: str
    local_id: str
    person_id: UUID


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What an organisation's staff register says of one subject.

    `training` gives the day each course was last completed; `commitments` the day each version of each statement was
    signed; `exclusions` those that any organisation entered against the subject.
    """

    roles: frozenset[Role]
    training: Mapping[str, date]
    commitments: Mapping[str, Mapping[int, date]]
    exclusions: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls: a worker or a system of one organisation, with the roles its token claims.

    `org` is the organisation it acts for. Under a mandate that is not its `employer`, and `mandated` are the only roles
    in which it may act.
    """

    org: str
    org_kind: OrganisationKind
    subject: str
    roles: frozenset[Role]
    standing: Standing
    employer: str | None = None
    mandated: frozenset[Role] | None = None

    @property
    def held_roles(self) -> frozenset[Role]:
        """The roles that the token claims, the register allows and, if there is one, the mandate too."""
        held = self.roles & self.standing.roles
        return held if self.mandated is None else held & self.mandated

    @property
    def employing_org(self) -> str:
        """The organisation that vouches for the worker, whomever it acts for."""
        return self.employer or self.org

    @property
    def worker(self) -> str:
        """Who this is to the organisation acted for: a worker of another's bears that one's id before the name, which
        no name in its own register can, for a slash ends a name in a path."""
        return self.subject if self.employer is None else f"{self.employer}/{self.subject}"

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """The exclusions that hold for this call: those of the organisation acted for and of the employer."""
        return tuple(one for one in self.standing.exclusions if one.org in (self.org, self.employing_org))


def unmet_conditions(clause: Clause, *, caller: Caller, purpose: Purpose, on: date) -> Iterator[Refusal]:
    """Name the conditions of a clause that a call does not meet, farthest from a grant first."""
    why_idle = _why_idle(clause, on=on)
    if why_idle is not None:
        yield Refusal(reason=Reason.NOT_COVERED_BY_AGREEMENT, clause=clause.clause_id, needed=why_idle)
    if purpose not in clause.purposes:
        needed = f"one of the purposes {listed(clause.purposes)}"
        yield Refusal(reason=Reason.PURPOSE_NOT_PERMITTED, clause=clause.clause_id, needed=needed)
    if not caller.held_roles & clause.recipient_roles:
        needed = f"one of the roles {listed(clause.recipient_roles)}"
        yield Refusal(reason=Reason.ROLE_NOT_PERMITTED, clause=clause.clause_id, needed=needed)
    training = clause.training
    if training is not None and not _is_current(training, standing=caller.standing, on=on):
        needed = f"training {{course: {training.course}, max_age_days: {training.max_age_days}}}"
        yield Refusal(reason=Reason.TRAINING_LAPSED, clause=clause.clause_id, needed=needed)
    commitment = clause.commitment
    if commitment is not None and not _is_signed(commitment, standing=caller.standing, on=on):
        needed = f"commitment {{statement: {commitment.statement}, version: {commitment.version}}} or a later version"
        yield Refusal(reason=Reason.COMMITMENT_NOT_SIGNED, clause=clause.clause_id, needed=needed)


def next_change(clause: Clause, *, standing: Standing, on: date) -> date | None:
    """Give the first day after `on` on which the passing of time alone may change whether a clause grants."""
    days = [clause.valid_from, days_later(clause.valid_until, 1)]
    if clause.training is not None and clause.training.course in standing.training:
        completed = standing.training[clause.training.course]
        days += [completed, days_later(completed, clause.training.max_age_days + 1)]
    if clause.commitment is not None:
        days += standing.commitments.get(clause.commitment.statement, {}).values()
    return min((day for day in days if day > on), default=None)


def listed(words: Iterable[str]) -> str:
    """Write some code words as a list for a sentence, in order."""
    return ", ".join(sorted(words))


def is_idle(clause: Clause, *, on: date) -> bool:
    """Tell whether a clause grants nobody anything on a day."""
    return _why_idle(clause, on=on) is not None


def _why_idle(clause: Clause, *, on: date) -> str | None:
    """Say what a clause itself lacks to grant anybody anything."""
    if clause.status is AgreementStatus.SUSPENDED:
        return "the agreement resumed by those who suspended it"
    if clause.status is not AgreementStatus.ACTIVE or on > clause.valid_until:
        return f"an agreement in force: this one ended on {clause.valid_until.isoformat()}"
    if on < clause.valid_from:
        return f"an agreement in force: this one begins on {clause.valid_from.isoformat()}"
    if clause.cohort is not Cohort.ALL:
        # Whether a person is of the cohort is known only where the person is; until it is asked there, nothing is told.
        return "a clause whose cohort is all"
    return None


def _is_current(training: TrainingDemand, *, standing: Standing, on: date) -> bool:
    completed = standing.training.get(training.course)
    return completed is not None and 0 <= (on - completed).days <= training.max_age_days


def _is_signed(commitment: CommitmentDemand, *, standing: Standing, on: date) -> bool:
    signed = standing.commitments.get(commitment.statement, {})
    return any(version >= commitment.version and day <= on for version, day in signed.items())


def days_later(day: date, days: int) -> date:
    """Give a day some days later, or the last day there is."""
    return date.fromordinal(min(day.toordinal() + days, date.max.toordinal()))
