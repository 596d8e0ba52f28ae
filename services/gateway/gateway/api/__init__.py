"""Routes, by noun: parse, authorise, call, answer; no SQL, no rules."""

from gateway.api import agreements, audit, decisions, directory, forwarding, organisations, people, referrals

routers = (
    organisations.reads,
    organisations.changes,
    agreements.reads,
    agreements.changes,
    decisions.router,
    audit.router,
    people.router,
    referrals.router,
    directory.reads,
    directory.changes,
    forwarding.router,
)
