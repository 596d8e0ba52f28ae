"""The inner services as the gateway calls them: one permit for each call, made for that very request.

Not in this room: what a permit says (`access`) and what the caller is told of the reply (`reply`).
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
import structlog
from opentelemetry.trace import SpanKind

from gateway.metrics import ApiMetrics
from gateway.problems import ServiceUnreachable
from shared import telemetry
from shared.logs import describe
from shared.permit import HEADER, Permit, PermitMint, fingerprint

CUSTOMER_INDEX: Final = "customer-index"
CASE_EPISODES: Final = "case-episodes"
REFERRALS: Final = "referrals"

_RETRY: Final = {"Retry-After": "1"}
_IDLE_SECONDS: Final = 2.0
"""Shorter than the services drain: one that leaves has told us so on every connection that we might still use."""
_CONNECTS: Final = 3
_CONNECT_SECONDS: Final = 2.0

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
        metrics: ApiMetrics,
        transport: httpx.AsyncBaseTransport | None = None,
        ca_file: Path | None = None,
    ) -> None:
        """`name` is the audience of its permits; `ca_file` says who signed its certificate, and `transport` replaces
        the network."""
        self.name = name
        self._mint = mint
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics
        self._metrics.follow(name)
        self._client = httpx.AsyncClient(
            base_url=url,
            transport=transport or _network(ca_file),
            timeout=_patience(timeout_seconds),
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
            # As they came: a server takes each byte of a header for a character.
            headers=[(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
            content=content or None,
            timeout=_patience(self._timeout_seconds + patience_seconds),
        )
        sent = request.url.raw_path.decode("ascii")
        token = self._mint.mint(permit, audience=self.name, request=fingerprint(method, sent), at=at)
        request.headers[HEADER] = token
        return await self._answered(request, patience_seconds=patience_seconds)

    async def look_up(self, target: str) -> httpx.Response:
        """Ask for something that is open to all; raise `ServiceUnreachable` if there is no answer."""
        request = self._client.build_request("GET", target)
        return await self._answered(request)

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

    async def _answered(self, request: httpx.Request, *, patience_seconds: float = 0) -> httpx.Response:
        """Send a request, and have the service carry on its trace."""
        said = {"http.request.method": request.method, "service.peer.name": self.name}
        with (
            telemetry.span(f"{request.method} {self.name}", kind=SpanKind.CLIENT, attributes=said) as span,
            self._metrics.calling(self.name, patience_seconds=patience_seconds),
        ):
            request.headers.update(telemetry.headers())
            try:
                reply = await self._client.send(request)
            except (httpx.HTTPError, OSError) as error:
                log.warning("inner service unreachable", service=self.name, **describe(error))
                raise ServiceUnreachable(headers=_RETRY) from None
            span.set_attribute("http.response.status_code", reply.status_code)
            if reply.status_code >= 500 or reply.status_code == 401:
                # A permit that was refused is our own fault, never the caller's.
                log.error("inner service failed", service=self.name, status=reply.status_code)
                raise ServiceUnreachable(headers=_RETRY)
        return reply


def _network(ca_file: Path | None) -> httpx.AsyncBaseTransport:
    """Connect so that a replica may leave at any time: where none accepts at once, another is tried, and a connection
    on which nothing was sent for a moment is not used again. Nothing that was sent is ever sent twice."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=_IDLE_SECONDS)
    trusted = ssl.create_default_context(cafile=ca_file) if ca_file is not None else True
    return httpx.AsyncHTTPTransport(verify=trusted, limits=limits, retries=_CONNECTS - 1, trust_env=False)


def _patience(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
