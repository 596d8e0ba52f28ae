"""How often a worker of an organisation may call.

Counted in Valkey for all replicas together where one is named, else in this process, where each replica counts for
itself. While Valkey is away each counts for itself too: it protects the platform from a caller in a hurry, and nobody's
data, so no call is refused for want of it.
"""

import hashlib
import time
from typing import Any, Final

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from gateway.problems import TooManyRequests
from shared.logs import describe

_VALKEY_SECONDS: Final = 0.25
"""How long Valkey may take to answer; no call waits longer for being counted."""
_AWAY_SECONDS: Final = 5.0
"""For how long Valkey is not asked after it has failed to answer."""

log = structlog.get_logger()


class RateLimit:
    """A number of calls a second for every worker."""

    def __init__(self, *, requests_per_second: int, url: str | None = None) -> None:
        """`url` is `valkey://…` or `valkeys://…`; it is connected to when it is first needed."""
        self._item = RateLimitItemPerSecond(requests_per_second)
        self._policy = f'"worker";q={requests_per_second};w=1'
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._connections = None if url is None else _connections(url)
        self._shared = None if url is None else FixedWindowRateLimiter(_storage(url, self._connections))
        self._away_until = 0.0

    async def count(self, org: str, *, subject: str) -> dict[str, str]:
        """Count a call and give the headers that tell its caller where it stands; raise `TooManyRequests`."""
        # Who calls is the register's business: what is counted has a name that only we can tell from another.
        worker = hashlib.sha256(f"{org}\n{subject}".encode()).hexdigest()[:32]
        allowed, remaining, reset = await self._counted(worker)
        seconds = max(1, round(reset - time.time()))
        headers = {"RateLimit": f'"worker";r={remaining};t={seconds}', "RateLimit-Policy": self._policy}
        if not allowed:
            raise TooManyRequests(headers={**headers, "Retry-After": str(seconds)})
        return headers

    async def close(self) -> None:
        """Let go of Valkey."""
        if self._connections is not None:
            await self._connections.disconnect()

    async def _counted(self, worker: str) -> tuple[bool, int, float]:
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                return await self._hit(self._shared, worker)
            except (StorageError, OSError) as error:
                self._away_until = time.monotonic() + _AWAY_SECONDS
                log.warning("calls are counted by each replica for itself", **describe(error))
        return await self._hit(self._own, worker)

    async def _hit(self, limiter: FixedWindowRateLimiter, worker: str) -> tuple[bool, int, float]:
        allowed = await limiter.hit(self._item, worker)
        window = await limiter.get_window_stats(self._item, worker)
        return allowed, window.remaining, window.reset_time


def _connections(url: str) -> Any:
    from valkey.asyncio import ConnectionPool  # most installations count in memory and need no client

    return ConnectionPool.from_url(url, socket_timeout=_VALKEY_SECONDS, socket_connect_timeout=_VALKEY_SECONDS)


def _storage(url: str, connections: Any) -> RedisStorage:
    return RedisStorage(f"async+{url}", wrap_exceptions=True, key_prefix="scv-rate", connection_pool=connections)
