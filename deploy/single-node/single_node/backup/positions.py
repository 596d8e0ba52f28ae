"""How far events had come, and from where they are told again.

The outboxes keep every event for ever, so topics can be made again from them; what was handled before, inboxes pass
over. What must not happen is that restored services read on in a Kafka that holds events of the time that was lost: a
new history would have the same numbers. So their positions are set behind everything that is there, before a relay
publishes again.

In this room: the positions of the groups, and the outboxes. Nothing of the services runs meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.events import GOVERNANCE, PEOPLE, REFERRALS
from shared.kafka import connection
from shared.settings import KafkaSettings
from single_node.backup import SERVICES, BackupTrouble
from single_node.backup.parts import connect, of_database

FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "customer-index": (GOVERNANCE,),
    "case-episodes": (PEOPLE, REFERRALS),
    "referrals": (GOVERNANCE, PEOPLE, REFERRALS),
}
"""The topics of each consumer group."""
_PATIENCE_SECONDS: Final = 30.0


async def all_handled(kafka: KafkaSettings) -> bool:
    """Wait until every group has handled all that is in its topics now; tell whether they did in half a minute."""
    patience = time.monotonic() + _PATIENCE_SECONDS
    for group in FOLLOWS:
        ends = await _ends(kafka, group=group)
        async with _of_group(kafka, group=group) as consumer:
            for partition, end in ends.items():
                while (await consumer.committed(partition) or 0) < end:
                    if time.monotonic() > patience:
                        return False
                    await asyncio.sleep(0.2)
    return True


async def skip_what_is_there(kafka: KafkaSettings) -> None:
    """Set the positions of all groups behind everything that is in their topics; raise `BackupTrouble` if one is at
    work."""
    for group in FOLLOWS:
        ends = await _ends(kafka, group=group)
        if ends:
            async with _of_group(kafka, group=group) as consumer:
                consumer.assign(list(ends))
                try:
                    await consumer.commit(ends)
                except KafkaError:  # the brokers let nobody else set the positions of a group with members
                    raise BackupTrouble(f"The consumers of {group} are at work; stop them first.") from None


async def republish(addresses: Mapping[str, str], *, after: Mapping[str, int]) -> dict[str, int]:
    """Have the relays publish again every event after an id of each outbox; give how many those are."""
    counts = {}
    for service in SERVICES:
        one = await connect(of_database(addresses[service], service=service))
        try:
            marked = await one.execute(
                "UPDATE outbox SET published_at = NULL WHERE id > $1 AND published_at IS NOT NULL", after[service]
            )
            counts[service] = int(marked.rpartition(" ")[2])
        finally:
            await one.close()
    return counts


@asynccontextmanager
async def _of_group(kafka: KafkaSettings, *, group: str) -> AsyncIterator[Any]:
    """Ask and set the positions of a group without being one of its members."""
    consumer: Any = AIOKafkaConsumer(**connection(kafka), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _ends(kafka: KafkaSettings, *, group: str) -> dict[TopicPartition, int]:
    """Give the end of every partition of the topics that a group follows, as far as there are any."""
    consumer: Any = AIOKafkaConsumer(*FOLLOWS[group], **connection(kafka))
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, number)
            for topic in FOLLOWS[group]
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions) if partitions else {}
        return ends
    finally:
        await consumer.stop()
