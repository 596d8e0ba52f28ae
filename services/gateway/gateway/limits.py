"""How often a worker of an organisation may call.

Counted in this process: with several replicas each counts for itself.
"""

import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from gateway.problems import TooManyRequests


class RateLimit:
    """A number of calls a second for every worker."""

    def __init__(self, *, requests_per_second: int) -> None:
        self._item = RateLimitItemPerSecond(requests_per_second)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._policy = f'"worker";q={requests_per_second};w=1'

    def count(self, org: str, *, subject: str) -> dict[str, str]:
        """Count a call and give the headers that tell its caller where it stands; raise `TooManyRequests`."""
        allowed = self._limiter.hit(self._item, org, subject)
        window = self._limiter.get_window_stats(self._item, org, subject)
        seconds = max(1, round(window.reset_time - time.time()))
        headers = {"RateLimit": f'"worker";r={window.remaining};t={seconds}', "RateLimit-Policy": self._policy}
        if not allowed:
            raise TooManyRequests(headers={**headers, "Retry-After": str(seconds)})
        return headers
