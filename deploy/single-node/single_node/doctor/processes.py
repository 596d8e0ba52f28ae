"""What is thought of the answers that the processes of an installation gave: pure, over what was asked (`inquiry`)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from single_node.doctor.finding import Finding, by_age, ok, unchecked, warning, wrong
from single_node.doctor.inquiry import Answered

EXPECTED: Final[Mapping[str, frozenset[str]]] = {
    "customer-index": frozenset({"api", "relay", "consumer", "jobs", "ledger"}),
    "case-episodes": frozenset({"api", "relay", "consumer"}),
    "referrals": frozenset({"api", "relay", "consumer", "jobs"}),
    "gateway": frozenset({"api", "relay", "jobs", "ledger"}),
}
"""The processes without which something of a service does not go on."""

_STUCK_SECONDS: Final = 60
_FAR_BEHIND: Final = 1000
_RUNBOOKS: Final = "docs/runbooks"


def judge_all(answers: Sequence[Answered]) -> Iterator[Finding]:
    """Judge each process, then each service, then the clocks of all."""
    for answered in answers:
        yield from _judge_process(answered)
    by_service = sorted(answers, key=lambda one: one.service)
    services = {name: list(group) for name, group in groupby(by_service, key=lambda one: one.service)}
    for service in EXPECTED:
        yield from _judge_service(service, services.get(service, []))
    if len(answers) > 1:
        yield judge_clocks(answers)


def judge_clocks(answers: Sequence[Answered]) -> Finding:
    """Judge how far the clocks of processes are apart: a permit of a clock that is 5 s ahead is refused."""
    first, last = (pick(answers, key=lambda one: one.ahead) for pick in (min, max))
    apart = last.ahead - first.ahead
    # Each is known to half a second.
    if apart < 2:
        return ok("clocks", "together, as far as can be seen")
    told = f"{last.where} is {apart:.0f} s ahead of {first.where}"
    remedy = "set the time of both machines by one source (timedatectl set-ntp true); permits live for a minute"
    return (wrong if apart >= 5 else warning)("clocks", told, remedy=remedy)


def _judge_process(answered: Answered) -> Iterator[Finding]:
    name = f"{answered.service} {answered.process}"
    if not answered.is_ready:
        yield wrong(
            name,
            f"{answered.where} is not ready",
            remedy="its log line `not ready` says why: a database that is away, or a schema of another version"
            f" (migrate: {_RUNBOOKS}/upgrade.md)",
        )
    else:
        yield ok(name, f"{answered.where} is ready, version {answered.version}")
    for work, age in answered.labels("scv_progress_age_seconds", "work"):
        if age > _STUCK_SECONDS:
            yield warning(
                f"{name}: {work}",
                f"{answered.where} has not gone round for {age:.0f} s",
                remedy="if it stays so /livez answers 503 and it is started again; else restart it. Its log says where",
            )
    most, in_use = (
        sum(answered.values(metric, **labels))
        for metric, labels in (("scv_database_connections_max", {}), ("scv_database_connections", {"state": "in_use"}))
    )
    if most and in_use >= most:
        yield warning(
            f"{name}: connections",
            f"all {most:.0f} of {answered.where} are in use",
            remedy=f"more replicas, or a larger …_POOL_SIZE ({_RUNBOOKS}/scale.md)",
        )


def _judge_service(service: str, answers: Sequence[Answered]) -> Iterator[Finding]:
    for process in sorted(EXPECTED[service] - {one.process for one in answers}):
        yield unchecked(
            f"{service} {process}",
            "none was asked, or none runs",
            remedy="name where it answers, or start it: without it something stands still",
        )
    versions = sorted({one.version for one in answers})
    if len(versions) > 1:
        yield warning(
            f"versions of {service}",
            f"{', '.join(versions)} at once",
            remedy=f"finish the upgrade, or go back ({_RUNBOOKS}/upgrade.md, rollback.md)",
        )
    of = {process: [one for one in answers if one.process == process] for process in {one.process for one in answers}}
    yield from _judge_permits(service, of.get("api", []))
    yield from _judge_relay(service, of.get("relay", []))
    yield from _judge_consumer(service, of.get("consumer", []))
    yield from _judge_audit(of.get("jobs", []))
    yield from _judge_ledger(service, answers)


def _judge_permits(service: str, apis: Sequence[Answered]) -> Iterator[Finding]:
    refused = {reason: _sum(apis, "scv_permit_failures_total", reason=reason) for reason in ("unknown-key", "not-now")}
    if refused["unknown-key"]:
        yield wrong(
            f"permits of {service}",
            f"{refused['unknown-key']:.0f} refused since it started, signed with a key that it was not given",
            remedy=f"put the public half of the gateway's key into …_PERMIT_KEYS and restart {service}; the order of a"
            f" rotation is in {_RUNBOOKS}/rotate-keys.md",
        )
    if refused["not-now"]:
        yield warning(
            f"permits of {service}",
            f"{refused['not-now']:.0f} refused since it started: not valid at that time",
            remedy="see the clocks of the gateway and this service; set both by one source",
        )


def _judge_relay(service: str, relays: Sequence[Answered]) -> Iterator[Finding]:
    if not relays:
        return
    if not _sum(relays, "scv_on_duty", duty="relay"):
        yield wrong(
            f"relay of {service}",
            "none is on duty, so no event is published",
            remedy="the log line `relay failed` says why; if there is none, another connection holds the duty in the"
            f" database: {_RUNBOOKS}/lag.md",
        )
    yield by_age(
        f"outbox of {service}",
        _max(relays, "scv_outbox_oldest_seconds"),
        of="the oldest unpublished event",
        bounds=(30, 120),
        remedy=f"the relay's log line `relay failed` says why; {_RUNBOOKS}/lag.md, kafka-lost.md",
    )


def _judge_consumer(service: str, consumers: Sequence[Answered]) -> Iterator[Finding]:
    if not consumers:
        return
    behind = _sum(consumers, "scv_consumer_lag_events")
    condemned = _max(consumers, "scv_inbox_condemned_events")
    parked = _max(consumers, "scv_inbox_parked_events")
    dead = _sum(consumers, "scv_dead_letters_total")
    name = f"events of {service}"
    if condemned:
        yield wrong(
            name,
            f"the effect of {condemned:.0f} failed, and {parked:.0f} wait behind others",
            remedy=f"{_RUNBOOKS}/dead-letters.md: mend what the log line `event condemned` names, then redrive",
        )
    elif parked:
        yield warning(
            name, f"{parked:.0f} wait for one that has not come", remedy=f"{_RUNBOOKS}/dead-letters.md if they stay"
        )
    if dead:
        yield warning(
            f"dead letters of {service}",
            f"{dead:.0f} since it started could not be read",
            remedy=f"{_RUNBOOKS}/dead-letters.md",
        )
    if behind > _FAR_BEHIND:
        yield warning(f"lag of {service}", f"{behind:.0f} events behind", remedy=f"{_RUNBOOKS}/lag.md")
    if not (condemned or parked or dead or behind > _FAR_BEHIND):
        yield ok(name, f"{behind:.0f} to come, none parked")


def _judge_audit(jobs: Sequence[Answered]) -> Iterator[Finding]:
    if not any(one.values("scv_audit_seal_age_seconds") for one in jobs):
        return
    yield by_age(
        "audit",
        _max(jobs, "scv_audit_seal_age_seconds"),
        of="the oldest row not yet sealed",
        bounds=(60, 300),
        remedy=f"the log line `sealing failed` of the gateway's jobs says why; LogDamaged: {_RUNBOOKS}/broken-seal.md",
    )
    overdue = _max(jobs, "scv_emergency_reviews_overdue")
    if overdue:
        yield warning(
            "emergency accesses",
            f"{overdue:.0f} are overdue for review",
            remedy="the owners' ig-leads close them: POST /v1/emergency-access/ID/review",
        )


def _judge_ledger(service: str, answers: Sequence[Answered]) -> Iterator[Finding]:
    if not any(one.values("scv_ledger_oldest_seconds") for one in answers):
        return
    yield by_age(
        f"ledger of {service}",
        _max(answers, "scv_ledger_oldest_seconds"),
        of="the oldest change that is not off-site",
        bounds=(60, 300),
        remedy=f"the shipper's log line `shipping failed` says why; {_RUNBOOKS}/backup-and-restore.md. A restore now"
        " would bring back what was revoked since",
    )


def _sum(answers: Sequence[Answered], name: str, **labels: str) -> float:
    return sum(value for one in answers for value in one.values(name, **labels))


def _max(answers: Sequence[Answered], name: str) -> float:
    return max((value for one in answers for value in one.values(name)), default=0.0)
