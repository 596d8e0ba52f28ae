"""The inner services as the gateway calls them: one permit for each call, made for that very request.

Not in this room: what a permit says (`access`) and what the caller is told of the reply (`reply`).
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

import httpx
import structlog

from gateway.problems import ServiceUnreachable
from shared.logs import describe
from shared.permit import HEADER, Permit, PermitMint, fingerprint

CUSTOMER_INDEX: Final = "customer-index"
CASE_EPISODES: Final = "case-episodes"
REFERRALS: Final = "referrals"

_RETRY: Final = {"Retry-After": "1"}

log = structlog.get_logger()

Content = bytes | AsyncIterator[bytes]


class Upstream:
    """One inner service."""

    def __init__(
        self,
        name: str,
        *,
        url: str,
        mint: PermitMint,
        timeout_seconds: float,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        """`name` is the audience of its permits; `transport` replaces the network."""
        self.name = name
        self._mint = mint
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            timeout=httpx.Timeout(timeout_seconds),
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
            follow_redirects=False,
            trust_env=False,
        )

    async def call(
        self,
        method: str,
        target: str,
        *,
        permit: Permit,
        at: datetime,
        headers: Mapping[str, str] | None = None,
        content: Content = b"",
        patience_seconds: float = 0,
    ) -> httpx.Response:
        """Call with a permit for this request; `target` is the raw path and query.

        `patience_seconds` is how long the service was asked to wait for something new, beside the time it may take.
        Raises `ServiceUnreachable` if there is no answer, or none that makes sense.
        """
        request = self._client.build_request(
            method,
            target,
            headers=dict(headers or {}),
            content=content or None,
            timeout=self._timeout_seconds + patience_seconds,
        )
        sent = request.url.raw_path.decode("ascii")
        token = self._mint.mint(permit, audience=self.name, request=fingerprint(method, sent), at=at)
        request.headers[HEADER] = token
        try:
            reply = await self._client.send(request)
        except (httpx.HTTPError, OSError) as error:
            log.warning("inner service unreachable", service=self.name, **describe(error))
            raise ServiceUnreachable(headers=_RETRY) from None
        if reply.status_code >= 500 or reply.status_code == 401:
            # A permit that was refused is our own fault, never the caller's.
            log.error("inner service failed", service=self.name, status=reply.status_code)
            raise ServiceUnreachable(headers=_RETRY)
        return reply

    async def look_up(self, target: str) -> httpx.Response:
        """Ask for something that is open to all; raise `ServiceUnreachable` if there is no answer."""
        try:
            reply = await self._client.get(target)
        except (httpx.HTTPError, OSError) as error:
            log.warning("inner service unreachable", service=self.name, **describe(error))
            raise ServiceUnreachable(headers=_RETRY) from None
        if reply.status_code >= 500:
            raise ServiceUnreachable(headers=_RETRY)
        return reply

    async def describe(self) -> dict[str, object]:
        """Give the OpenAPI description of the service; raise `ServiceUnreachable` if it gives none."""
        try:
            reply = await self._client.get("/openapi.json")
            reply.raise_for_status()
            description: dict[str, object] = reply.json()
        except (httpx.HTTPError, OSError, ValueError):
            raise ServiceUnreachable(headers=_RETRY) from None
        return description

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()
