"""What a single customer view costs beside the calls it is made of, and what its record costs.

The view is of a resident of two boroughs with a case, an assessment, a contact and a referral, asked for by a worker of
the borough that does not hold them: every part of the platform answers, each as the process it is deployed as.

`gateway_cost` is the time of that view against the slowest of the calls behind it, made directly with the very permit
that the gateway makes for it. `view_rate` is how many such views a second eight clients are given, against what a route
does that makes as many calls in the same order of APIs that answer nothing. `audit_cost` is the view's time against
that through a gateway whose audit keeps nothing (`unaudited`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final

import httpx
from pydantic_core import to_json

import gateway.app
import gateway.settings
from shared.permit import HEADER, Permit, PermitGate, fingerprint
from single_node.postgres import Server
from tests.bench.caller import Caller, calling
from tests.bench.figures import Figure, percentile, ratio_of_medians
from tests.bench.parts import databases, the_least
from tests.bench.turns import Work, by_turns
from tests.builders import MINT, PERMIT_KEY, PERMIT_KEYS, SECRET
from tests.conftest import url
from tests.gateway.platform import a_token
from tests.gateway.residents import OF_WCC, settle_in
from tests.gateway.whole import a_whole_platform
from tests.processes import Api, a_free_port, a_process, an_api, await_ready, environment

INNER: Final = ("customer_index", "case_episodes", "referrals")
WARM: Final = 40
TIMES: Final = 300
CLIENTS: Final = 8
ROUNDS: Final = 6
ROUND_SECONDS: Final = 3.0
_RENEWED: Final = timedelta(seconds=20)
"""How old a permit may be that serves again; it lives for a minute."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The platform at work, and the view that is asked of it."""

    server: Server
    settings: Mapping[str, Any]
    """What a gateway is told of the inner services."""
    gateway: str
    target: str

    async def view(self, caller: Caller) -> None:
        """Ask for the view, and see that all of it came."""
        answer = await caller.call("GET", self.target, headers=_headers())
        assert answer.status == 200, answer
        assert b'"unavailable":[]' in answer.body, answer


@dataclass(slots=True)
class Inner:
    """One call that the gateway makes of an inner service for a view, made directly."""

    address: str
    audience: str
    target: str
    permit: Permit
    _token: str = ""
    _minted: datetime | None = None

    async def made_by(self, caller: Caller) -> None:
        """Call the service."""
        now = datetime.now(UTC)
        if self._minted is None or now - self._minted > _RENEWED:
            request = fingerprint("GET", self.target)
            self._token = MINT.mint(self.permit, audience=self.audience, request=request, at=now)
            self._minted = now
        answer = await caller.call("GET", self.target, headers={HEADER: self._token})
        assert answer.status == 200, answer


async def gateway_cost() -> list[Figure]:
    """Ask for a view and make each call behind it, by turns."""
    async with _stage() as stage, AsyncExitStack() as stack:
        works: dict[str, Work] = {}
        caller = await stack.enter_async_context(calling(stage.gateway))
        works["view"] = lambda: stage.view(caller)
        for one in await _calls_behind(stage):
            direct = await stack.enter_async_context(calling(one.address))
            works[one.audience] = _directly(one, direct)
        seconds = await by_turns(works, warm=WARM, times=TIMES)
    view = seconds.pop("view")
    medians = {audience: percentile(times, 0.5) for audience, times in seconds.items()}
    slowest = max(medians, key=lambda audience: medians[audience])
    figure = ratio_of_medians("gateway_cost", view, against=seconds[slowest])
    inner = {f"p50_{audience}_ms": median * 1000 for audience, median in medians.items()}
    return [Figure(name=figure.name, value=figure.value, unit=figure.unit, beside={**figure.beside, **inner})]


async def view_rate() -> list[Figure]:
    """Count views, and as many empty calls, in rounds by turns."""
    async with _stage() as stage, AsyncExitStack() as stack:
        behind = len(await _calls_behind(stage))
        urls = [await stack.enter_async_context(the_least("empty")) for _ in range(behind)]
        least = await stack.enter_async_context(the_least("calls", urls=",".join(urls)))

        async def nothing(caller: Caller) -> None:
            answer = await caller.call("GET", "/", headers={})
            assert answer.status == 200, answer

        views = calls = 0.0
        for warming in (True, *(False for _ in range(ROUNDS))):
            found = await _rate(stage.gateway, stage.view)
            against = await _rate(least, nothing)
            if not warming:
                views, calls = views + found / ROUNDS, calls + against / ROUNDS
    beside = {"views_per_second": views, "against_per_second": calls, "clients": float(CLIENTS)}
    return [Figure(name="view_rate", value=views / calls, unit="views/s per empty/s", beside=beside)]


async def audit_cost() -> list[Figure]:
    """Ask for a view with and without a record of it, by turns."""
    async with _stage() as stage, AsyncExitStack() as stack:
        without = await stack.enter_async_context(_unaudited(stage))
        recorded = await stack.enter_async_context(calling(stage.gateway))
        unrecorded = await stack.enter_async_context(calling(without))
        works: dict[str, Work] = {
            "audited": lambda: stage.view(recorded),
            "unaudited": lambda: stage.view(unrecorded),
        }
        seconds = await by_turns(works, warm=WARM, times=TIMES)
    return [ratio_of_medians("audit_cost", seconds["audited"], against=seconds["unaudited"])]


def _directly(one: Inner, caller: Caller) -> Work:
    return lambda: one.made_by(caller)


async def _rate(address: str, ask: Callable[[Caller], Awaitable[None]]) -> float:
    """Give how often a second eight clients are answered."""
    over = perf_counter() + ROUND_SECONDS

    async def keep_asking() -> int:
        answered = 0
        async with calling(address) as caller:
            while perf_counter() < over:
                await ask(caller)
                answered += 1
        return answered

    began = perf_counter()
    answered = sum(await asyncio.gather(*(keep_asking() for _ in range(CLIENTS))))
    return answered / (perf_counter() - began)


class _Noting(httpx.AsyncHTTPTransport):
    """The network to one service, and a note of each request that goes over it."""

    def __init__(self, audience: str, *, noted: list[Inner]) -> None:
        super().__init__(trust_env=False)
        self._audience = audience
        self._noted = noted
        self._gate = PermitGate(PERMIT_KEYS, audience=audience)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Note a request and send it."""
        target = request.url.raw_path.decode("ascii")
        said = fingerprint(request.method, target)
        permit = self._gate.verify(request.headers[HEADER], request=said, at=datetime.now(UTC))
        address = f"http://{request.url.netloc.decode('ascii')}"
        self._noted.append(Inner(address, self._audience, target, permit))
        return await super().handle_async_request(request)


async def _calls_behind(stage: Stage) -> list[Inner]:
    """Have a gateway in this process give the view, and take down the calls that it makes for it."""
    noted: list[Inner] = []
    audiences = [package.replace("_", "-") for package in INNER]
    app = gateway.app.create_app(
        gateway.settings.Settings(database_url=url(stage.server, "gateway", "app"), **stage.settings),
        transports={audience: _Noting(audience, noted=noted) for audience in audiences},
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
    ):
        answer = await client.get(stage.target, headers=_headers())
        assert answer.status_code == 200, answer.text
    return noted


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    async with databases() as server, AsyncExitStack() as stack:
        async with a_whole_platform(server) as whole:
            residents = await settle_in(whole, "quilla", "osric", "thandeka", "ludo")
        keys = to_json(PERMIT_KEYS).decode()
        inner = {
            package: await stack.enter_async_context(an_api(package, environment(server, package, permit_keys=keys)))
            for package in INNER
        }
        settings = {
            "cursor_secret": SECRET,
            "permit_key": to_json(PERMIT_KEY.as_dict(private=True)).decode(),
            "requests_per_second": "100000",
            **{f"{package}_url": api.address for package, api in inner.items()},
        }
        front = await stack.enter_async_context(an_api("gateway", environment(server, "gateway", **settings)))
        yield Stage(server, settings, front.address, f"/v1/people/{residents['quilla'].theirs}")


@asynccontextmanager
async def _unaudited(stage: Stage) -> AsyncIterator[str]:
    """Run a gateway that keeps no record; give its address."""
    port = a_free_port()
    told = environment(stage.server, "gateway", **stage.settings, port=str(port))
    async with a_process("tests.bench.unaudited", "api", told) as (process, said):
        api = Api(process, f"http://127.0.0.1:{port}")
        await await_ready(api, said)
        yield api.address


_HELD: Final[dict[str, str]] = {}


def _headers() -> dict[str, str]:
    """Give the headers of the worker who asks; the token lives for an hour."""
    if not _HELD:
        org, subject, roles = OF_WCC.split("/")
        token = a_token(org, subject, roles.split(","), at=datetime.now(UTC))
        _HELD.update({"authorization": f"Bearer {token}", "scv-purpose": "homelessness"})
    return _HELD
