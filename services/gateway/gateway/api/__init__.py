"""Routes, by noun: parse, authorise, call, answer; no SQL, no rules."""

from gateway.api import agreements, audit, decisions, forwarding, organisations, people

routers = (
    organisations.reads,
    organisations.changes,
    agreements.reads,
    agreements.changes,
    decisions.router,
    audit.router,
    people.router,
    forwarding.router,
)
