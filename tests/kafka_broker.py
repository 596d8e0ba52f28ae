"""A real Apache Kafka for the tests: one broker of our own in KRaft mode, or the one that the environment names.

Not in this room: what is tested on it.
"""

import asyncio
import base64
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Never
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests import needed

ROOT: Final = Path(__file__).parent.parent
POM: Final = ROOT / "deploy" / "kafka" / "pom.xml"
HOW_TO: Final = (
    "Kafka tests need Java 17 and Maven, or a broker: KAFKA_BOOTSTRAP_SERVERS=host:port (deploy/kafka/README.md)"
)
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_OPTIONS: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:cds=off")


class NoKafka(Exception):
    """There is no Kafka to be had here."""


@dataclass(frozen=True, slots=True)
class Java:
    """What runs a broker: the program, the directory of its jars, and the classes as they are once they are read.

    To read its classes is half the work of a broker's start. They are kept beside the jars (class-data sharing), and
    Java leaves them aside if they are not those of the same program and jars.
    """

    program: str
    jars: Path
    classes: Path

    def command(self, *arguments: str) -> list[str]:
        """Give the command that runs a class of the jars."""
        return [self.program, *_OPTIONS, "-cp", f"{self.jars}/*", *arguments]


@dataclass
class Broker:
    """A broker of our own; it can be stopped and started again on the same ports and store."""

    java: "Java"
    home: Path
    port: int
    cluster: str
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def address(self) -> str:
        """Its `host:port`."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers as the one we laid out."""
        command = self.java.command(*self._classes(), "kafka.Kafka", str(self.home / "server.properties"))
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        patience = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > patience:
                raise NoKafka(f"Kafka did not start: {(self.home / 'log').read_text('utf-8')[-500:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it, in order if it will."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            else:
                self._keep_classes()
            self.process = None

    def _classes(self) -> list[str]:
        """Have it begin with the classes that one before it kept, or keep them when it ends."""
        if self.java.classes.exists():
            return [f"-XX:SharedArchiveFile={self.java.classes}"]
        return [f"-XX:ArchiveClassesAtExit={self.home / 'classes'}"]

    def _keep_classes(self) -> None:
        kept = self.home / "classes"
        if kept.exists() and not self.java.classes.exists():
            # Under a name of its own first: another broker may do the same, or look.
            beside = self.java.classes.with_name(f"{self.java.classes.name}-{self.home.name}")
            shutil.move(kept, beside)
            beside.rename(self.java.classes)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        found = asyncio.run(_cluster_of(self.address))
        if found not in (None, self.cluster):
            raise NoKafka(f"Another Kafka answers on {self.address}.")
        return found is not None


@asynccontextmanager
async def own_broker() -> AsyncIterator[Broker]:
    """Run a broker of our own; raises `NoKafka` where it cannot be."""
    with tempfile.TemporaryDirectory(prefix="scv-kafka-", ignore_cleanup_errors=True) as home:
        broker = await asyncio.to_thread(_laid_out, await asyncio.to_thread(_java), Path(home))
        try:
            await asyncio.to_thread(broker.start)
            yield broker
        finally:
            await asyncio.to_thread(broker.stop)


@asynccontextmanager
async def any_broker() -> AsyncIterator[str]:
    """Give the address of the broker that the environment names, or else of one of our own."""
    named = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if named:
        yield named
        return
    async with own_broker() as broker:
        yield broker.address


def give_up(reason: NoKafka) -> Never:
    """Skip a test for want of Kafka; where everything has to be tested, fail it."""
    needed.give_up(HOW_TO, reason=str(reason))


def _jars() -> Path:
    """Give the directory of the broker's jars, fetched if this version is not here yet."""
    jars = POM.parent / "target" / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    maven = shutil.which("mvn")
    if not jars.is_dir():
        if maven is None:
            raise NoKafka("Maven is missing")
        jars.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=jars.parent) as fetched:
            target = Path(fetched) / "jars"
            command = [maven, "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
            done = subprocess.run(
                [*command, f"-DoutputDirectory={target}"], capture_output=True, text=True, timeout=600, check=False
            )
            if done.returncode != 0:
                raise NoKafka(f"Maven could not fetch it: {done.stdout[-300:]}")
            if not jars.is_dir():
                target.rename(jars)
    return jars


def _java() -> Java:
    """Give what runs a broker; the jars are fetched if they are not here yet."""
    program = shutil.which("java")
    if program is None:
        raise NoKafka("Java is missing")
    jars = _jars()
    version = int(Path(program).resolve().stat().st_mtime)
    return Java(program, jars, jars.with_name(f"{jars.name}-{version}.jsa"))


def _laid_out(java: Java, home: Path) -> Broker:
    port, controller = _free_ports()
    broker = Broker(java, home, port, cluster=_cluster_id())
    listeners = {"PLAINTEXT": broker.address, "CONTROLLER": f"127.0.0.1:{controller}"}
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{listeners['CONTROLLER']}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{name}://{address}" for name, address in listeners.items()),
        "advertised.listeners": f"PLAINTEXT://{broker.address}",
        "log.dirs": str(home / "data"),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }
    text = "".join(f"{name}={setting}\n" for name, setting in properties.items())
    (home / "server.properties").write_text(text, "utf-8")
    format_it = ["kafka.tools.StorageTool", "format", "-t", broker.cluster, "-c", str(home / "server.properties")]
    done = subprocess.run(java.command(*format_it), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise NoKafka(f"Kafka could not lay out its store: {done.stderr[-300:]}")
    return broker


def _cluster_id() -> str:
    """Make a random id as Kafka writes them, that no command line takes for an option."""
    return base64.urlsafe_b64encode(b"\0" + uuid4().bytes[1:]).decode().rstrip("=")


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


async def _cluster_of(address: str) -> str | None:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=address)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError):
        return None
    finally:
        await admin.close()
