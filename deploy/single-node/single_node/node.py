"""The node: the whole platform in one process.

In this room: databases and settings of all services, the gateway in front of the others without a network between
them, relays and jobs as background work, the HTTP server, and the order in which all of it starts and stops. Not in
this room: the database server (`postgres`), what a new platform is told first (`bootstrap`), and any rule.
"""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import uvicorn
import uvloop
from fastapi import FastAPI

import case_episodes.app
import case_episodes.consumer
import case_episodes.settings
import case_episodes.tables
import customer_index.app
import customer_index.consumer
import customer_index.jobs
import customer_index.settings
import customer_index.tables
import gateway.app
import gateway.checkpoint
import gateway.jobs
import gateway.settings
import gateway.tables
import referrals.app
import referrals.consumer
import referrals.jobs
import referrals.settings
import referrals.tables
from shared import logs, telemetry
from shared.bus import LocalBus
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE, REFERRALS
from shared.migrate import migrate, provision, socket_url
from shared.relay import relay
from single_node import bootstrap, postgres
from single_node.place import Announcement, Place, PortTaken, public_part
from single_node.postgres import Durability, Server
from single_node.supervision import supervised

SERVICES: Final = ("case_episodes", "customer_index", "gateway", "referrals")

_LOG: Final = "single-node/audit"
"""The origin that checkpoints of the audit name."""
_WORKER_CONNECTIONS: Final = 4
_DRAIN_SECONDS: Final = 10

Ready = Callable[[Announcement], Awaitable[None]]
Work = Callable[[], Awaitable[None]]


def run(place: Place, *, port: int, durability: Durability, ready: Ready) -> None:
    """Run a node until it is told to stop by SIGINT or SIGTERM; port 0 takes any free one.

    `ready` is called once the gateway answers. Raises `NodeIsRunning`, `ServerTrouble`, `PortTaken` or
    `BackgroundWorkFailed`.
    """
    logs.configure("single-node", level="INFO")
    with (
        telemetry.exported("single-node", process="node"),
        place.held(),
        _listening(port) as listener,
        postgres.running(place.postgres, durability=durability) as server,
    ):
        uvloop.run(_live(place, server, listener=listener, ready=ready))


async def _live(place: Place, server: Server, *, listener: socket.socket, ready: Ready) -> None:
    told_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    async with _assembled(place, server) as (app, background), _served(app, listener) as web:
        await bootstrap.tell(app, place)
        host, port = listener.getsockname()[:2]
        announcement = Announcement(os.getpid(), f"http://{host}:{port}", str(server.sockets))
        with place.announced(announcement):
            ours: list[asyncio.Task[Any]] = [
                asyncio.create_task(supervised(name, work)) for name, work in background.items()
            ]
            ours += [asyncio.create_task(told_to_stop.wait()), asyncio.create_task(_greet(ready, announcement))]
            ended, _ = await asyncio.wait([web, *ours], return_when=asyncio.FIRST_COMPLETED)
            for task in ours:
                task.cancel()
            await asyncio.gather(*ours, return_exceptions=True)
            for task in ended:
                task.result()


async def _greet(ready: Ready, announcement: Announcement) -> None:
    """Call back, and then wait for ever: only a failure to do so ends the node."""
    await ready(announcement)
    await asyncio.Event().wait()


@asynccontextmanager
async def _assembled(place: Place, server: Server) -> AsyncIterator[tuple[FastAPI, dict[str, Work]]]:
    """Give the gateway's application with everything behind it, and the background work by name."""
    await server.require_own()
    for service in SERVICES:
        await provision(server.admin_dsn, service=service)
        await migrate(service, _url(server, service, "owner"))
    permit_key = place.signing_key("permit")
    permit_keys = json.dumps({"keys": [public_part(permit_key)]})
    index = customer_index.app.create_app(
        customer_index.settings.Settings(**_common(place, server, "customer_index"), permit_keys=permit_keys)
    )
    episodes = case_episodes.app.create_app(
        case_episodes.settings.Settings(**_common(place, server, "case_episodes"), permit_keys=permit_keys)
    )
    referring = referrals.app.create_app(
        referrals.settings.Settings(**_common(place, server, "referrals"), permit_keys=permit_keys)
    )
    inner = {"customer-index": index, "case-episodes": episodes, "referrals": referring}
    front = gateway.app.create_app(
        gateway.settings.Settings(
            **_common(place, server, "gateway"),
            permit_key=json.dumps(permit_key),
            customer_index_url="http://customer-index",
            case_episodes_url="http://case-episodes",
            referrals_url="http://referrals",
            agreement_checks="single-node",
        ),
        transports={name: httpx.ASGITransport(app) for name, app in inner.items()},
    )
    async with AsyncExitStack() as stack:
        workers = {service: _worker(server, service) for service in SERVICES}
        for worker in workers.values():
            stack.push_async_callback(worker.close)
        # The server runs the gateway's own start and stop; nobody but us runs those of the others.
        for app in inner.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        signer = gateway.checkpoint.Signer(place.signing_key("checkpoint"), origin=_LOG)
        yield front, _background(index, workers, signer)


def _background(index: FastAPI, workers: dict[str, Database], signer: gateway.checkpoint.Signer) -> dict[str, Work]:
    bus = LocalBus()
    inner, referring, governing = workers["customer_index"], workers["referrals"], workers["gateway"]
    bus.subscribe(GOVERNANCE, customer_index.consumer.governance_consumer(inner))
    bus.subscribe(GOVERNANCE, referrals.consumer.governance_consumer(referring, clock=_clock))
    bus.subscribe(PEOPLE, referrals.consumer.people_consumer(referring))
    bus.subscribe(REFERRALS, referrals.consumer.referral_consumer(referring, clock=_clock))
    bus.subscribe(PEOPLE, case_episodes.consumer.people_consumer(workers["case_episodes"]))
    bus.subscribe(REFERRALS, case_episodes.consumer.referrals_consumer(workers["case_episodes"]))
    return {
        "relay of gateway": lambda: relay(governing, bus, outbox=gateway.tables.outbox),
        "reviews of emergency access": lambda: gateway.jobs.watch_reviews(governing, clock=_clock),
        "seals of the audit": lambda: gateway.jobs.seal_audit(governing, signer, clock=_clock),
        "relay of customer-index": lambda: relay(inner, bus, outbox=customer_index.tables.outbox),
        "relay of case-episodes": lambda: relay(workers["case_episodes"], bus, outbox=case_episodes.tables.outbox),
        "loads": lambda: customer_index.jobs.work_loads(index.state.database, inner, clock=_clock),
        "relay of referrals": lambda: relay(referring, bus, outbox=referrals.tables.outbox),
        "links": lambda: customer_index.jobs.work_links(inner, clock=_clock),
        "protections": lambda: customer_index.jobs.work_protections(index.state.database, inner, clock=_clock),
        "clocks of referrals": lambda: referrals.jobs.watch_clocks(referring, clock=_clock),
    }


@asynccontextmanager
async def _served(app: FastAPI, listener: socket.socket) -> AsyncIterator["asyncio.Task[None]"]:
    """Answer HTTP on a socket; give the task that does. At the end calls under way are finished first."""
    web = _Web(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
    )
    task = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        await asyncio.wait([task, asyncio.create_task(web.answering.wait())], return_when=asyncio.FIRST_COMPLETED)
        if not web.started:
            raise RuntimeError("the gateway did not start; the log says why")
        yield task
    finally:
        web.should_exit = True
        await task


class _Web(uvicorn.Server):
    """A server that says when it answers, and leaves signals to the node, which has more to stop than HTTP."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so; whether it went well shows in `started`."""
        await super().startup(sockets)
        self.answering.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Take a port of the loopback interface before anything else is started."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(f"Port {port} cannot be taken ({error.strerror}); try another: make run PORT=…") from None
        yield listener


def _common(place: Place, server: Server, service: str) -> dict[str, Any]:
    return {
        "database_url": _url(server, service, "app"),
        "cursor_secret": place.secret(f"cursors-{service}"),
    }


def _worker(server: Server, service: str) -> Database:
    return Database(_url(server, service, "worker"), pool_size=_WORKER_CONNECTIONS, name=f"{service} worker")


def _url(server: Server, service: str, role: str) -> str:
    return socket_url(str(server.sockets), database=service, role=f"{service}_{role}")


def _clock() -> datetime:
    return datetime.now(UTC)
