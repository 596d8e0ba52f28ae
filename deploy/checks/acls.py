"""What each Kafka user may do, and what it has to.

A service writes what it publishes, reads what it follows, and reads and writes its own dead letters; referrals also
opens a topic for each partner. A partner reads its own. In this room: both sides as sets of rights. Not in this room:
how Kafka enforces them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from deploy.checks.rendering import Manifest, of_kind
from shared.db import Database
from shared.events import PARTNERS, REFERRALS
from shared.kafka import dead_topic
from shared.service import Service

IMPLYING_DESCRIBE: Final = frozenset({"Read", "Write"})


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One operation on one resource: a `topic` or a `group`, by its name or (`prefix`) the beginning of its name."""

    resource: str
    name: str
    operation: str
    pattern: str = "literal"


def granted(user: Manifest) -> frozenset[Right]:
    """Give the rights of a KafkaUser; `Describe`, which reading and writing imply, only where it stands alone."""
    rights = {
        Right(
            rule["resource"]["type"],
            rule["resource"].get("name", "*"),
            operation,
            rule["resource"].get("patternType", "literal"),
        )
        for rule in user["spec"].get("authorization", {}).get("acls", ())
        for operation in rule.get("operations") or [rule["operation"]]
    }
    more = {(one.resource, one.name, one.pattern) for one in rights if one.operation in IMPLYING_DESCRIBE}
    return frozenset(
        one for one in rights if one.operation != "Describe" or (one.resource, one.name, one.pattern) not in more
    )


def users(everything: Iterable[Manifest]) -> dict[str, Manifest]:
    """Give an overlay's Kafka users by name."""
    return {user["metadata"]["name"]: user for user in of_kind(everything, "KafkaUser")}


def needed(service: Service) -> frozenset[Right]:
    """Give the rights that follow from what a service publishes and follows."""
    followed = _followed(service)
    rights = {Right("topic", topic, "Write") for topic in service.publishes}
    rights |= {Right("topic", topic, "Read") for topic in followed}
    rights |= {
        Right("topic", dead_topic(topic, group=service.name), operation)
        for topic in followed
        for operation in ("Read", "Write")
    }
    if followed:
        rights |= {Right("group", group, "Read") for group in (service.name, f"{service.name}.redrive")}
    if REFERRALS in service.publishes:
        rights |= {Right("topic", f"{PARTNERS}.", operation, "prefix") for operation in ("Write", "Create")}
    return frozenset(rights)


def service_of(package: str) -> Service:
    """Give the service that a package describes."""
    service: Service = import_module(f"{package}.__main__").SERVICE
    return service


def _followed(service: Service) -> list[str]:
    if service.handlers is None:
        return []
    # Nothing connects: which topics have a handler is known without the database.
    return list(service.handlers(Database("postgresql+asyncpg://localhost/none", pool_size=1, name="acls")))
