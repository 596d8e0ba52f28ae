"""Routes, by noun: parse, authorise, call, answer; no SQL, no rules."""

from gateway.api import (
    agreements,
    audit,
    audit_log,
    decisions,
    directory,
    emergency,
    exclusions,
    forwarding,
    mandates,
    organisations,
    people,
    policies,
    referrals,
)

routers = (
    organisations.reads,
    organisations.changes,
    mandates.reads,
    mandates.changes,
    exclusions.reads,
    exclusions.changes,
    agreements.reads,
    agreements.changes,
    emergency.router,
    policies.reads,
    policies.changes,
    decisions.router,
    audit.router,
    audit_log.router,
    people.router,
    referrals.router,
    directory.reads,
    directory.changes,
    forwarding.router,
)
