"""How a service leaves without anybody noticing: around an application, from the moment it is told to stop.

    told to stop ─▶ not ready, still accepting, each answer ends its connection ─▶ no new connections ─▶ calls finish

Whoever balances calls learns that the service is not ready, and whoever holds a connection is asked, with its next
answer, to come back on another one. So when connections are closed in the end nobody is about to use one, and no call
is lost on the way. Not in this room: how long each of these takes (`settings`), and the server itself (`processes`).
"""

import asyncio
from typing import Any
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problems import Unavailable
from shared.web import render

_CLOSE = (b"connection", b"close")


class Draining:
    """Pure ASGI around an application that can be told to leave."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._leaving = False
        self._given_up = False
        self._calls: set[asyncio.Task[Any]] = set()

    def leave(self) -> None:
        """Be not ready from now on, and have every answer end its connection."""
        self._leaving = True

    def give_up(self) -> None:
        """End the calls that are still under way; their callers are told to try again."""
        self._given_up = True
        for call in self._calls:
            call.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = asyncio.current_task()
        assert call is not None  # noqa: S101  a server runs each call as a task
        self._calls.add(call)
        try:
            await self._serve(scope, receive, send, call=call)
        finally:
            self._calls.discard(call)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, call: "asyncio.Task[Any]") -> None:
        started = False

        async def outgoing(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if self._leaving:
                    message["headers"] = [*message.get("headers", ()), _CLOSE]
            await send(message)

        if self._leaving and scope["path"] == "/readyz":
            await _refuse(scope, receive, outgoing)
            return
        try:
            await self._app(scope, receive, outgoing)
        except asyncio.CancelledError:
            if not self._given_up:
                raise
            call.uncancel()
            if started:
                raise ConnectionAbortedError from None
            await _refuse(scope, receive, outgoing)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in place of the application, as its envelope would."""
    request_id = scope.get("state", {}).get("request_id") or uuid4().hex
    headers = {"Retry-After": "1", "X-Request-Id": request_id, "Cache-Control": "no-store"}
    await render(Unavailable("The service is being restarted.", headers=headers), request_id)(scope, receive, send)
