"""Changes to boroughs' policies, made like every change of the rules inside a change of the epoch."""

from datetime import datetime
from typing import Final

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.borough_policy import digest_of, faults_of
from gateway.problems import PolicyNotValid
from gateway.queries.policies import find_policy
from gateway.tables import borough_policies, borough_policy_versions
from shared.db import Transaction
from shared.preconditions import Stored, accept_match, require_match
from shared.problems import FieldError

NEVER_WRITTEN: Final = 0
"""The version of the empty policy that a borough has before it writes one."""
_MOST_TOLD: Final = 50


async def put_policy(tx: Transaction, org: str, text: str, *, if_match: str | None, by: str, at: datetime) -> Stored:
    """Put a borough's policy in force in place of the one before, which is kept beside it; `by` wrote it."""
    before = await find_policy(tx, org)
    if before is None:
        accept_match(if_match, version=NEVER_WRITTEN)
    else:
        require_match(if_match, version=before["version"])
    version = NEVER_WRITTEN + 1 if before is None else before["version"] + 1
    values = {"version": version, "text": text, "digest": digest_of(text)}
    entered = upsert(borough_policies).values(org=org, **values)
    await tx.execute(entered.on_conflict_do_update(index_elements=["org"], set_=values))
    await tx.execute(insert(borough_policy_versions).values(org=org, **values, by=by, at=at))
    return Stored(version=version, created=before is None)


def require_valid(text: str) -> None:
    """Raise `PolicyNotValid`, which names each policy that is wrong, unless a text may be put in force."""
    faults = faults_of(text)
    if faults:
        raise PolicyNotValid(
            "Some policies of the text are not valid.",
            errors=[
                FieldError(f"/{fault.policy}", f"line {fault.line}: {fault.rule}") for fault in faults[:_MOST_TOLD]
            ],
        )
