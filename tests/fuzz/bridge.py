"""Between a fuzzer in a thread of its own and an application in the event loop of the tests: one identity calling.

In this room: how a generated request gets its credentials, reaches the application, and is watched while it does:
whether a refused change left anything behind, and whether an answer is a problem as promised. Not in this room: what is
generated, and what Schemathesis itself checks (`campaign`).
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Message, Receive, Scope, Send

from shared.web import OPEN_ROUTES

CANARY: Final = "Quilliam Threlfall"
"""A name that no answer to a refused request may repeat."""
_FIELDS: Final = {"type", "title", "status", "detail", "request_id", "errors"}
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_RECORDS: Final = frozenset({"alembic_version", "audit", "idempotency"})

Headers = Sequence[tuple[str, str]]
Credentials = Callable[[str, str], Headers]
"""Gives the headers that prove who makes a request of this method to this target."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Rows:
    """All rows there are, but for the records of calls themselves, as something to compare."""

    def __init__(self, databases: Iterable[AsyncEngine]) -> None:
        self._databases = list(databases)
        self._questions: list[str] = []

    async def add_up(self) -> list[dict[str, Any]]:
        """Give for each database how many rows each table has, and the sum of their hashes."""
        if not self._questions:
            self._questions = [await _question(database) for database in self._databases]
        return list(await asyncio.gather(*map(_asked, self._databases, self._questions)))


async def _question(database: AsyncEngine) -> str:
    async with database.connect() as connection:
        found = await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        tables = sorted(name for (name,) in found if not name.startswith(tuple(_RECORDS)))
    sums = (
        f"(SELECT count(*) || '/' || coalesce(sum(hashtext(t::text)), 0) FROM {name} t) AS {name}" for name in tables
    )
    return f"SELECT {', '.join(sums)}"


async def _asked(database: AsyncEngine, question: str) -> dict[str, Any]:
    async with database.connect() as connection:
        return dict((await connection.execute(text(question))).mappings().one())


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who calls: how it proves itself, and whether that opens a route that is not open to all."""

    name: str
    credentials: Credentials
    is_let_in: bool


class Description:
    """What a service says of itself: which statuses a call may be answered with, and which calls are open to all."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        paths = sorted(document["paths"].items(), key=lambda item: item[0].count("{"))
        self._paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path, told) for path, told in paths]
        self.operations = frozenset(f"{method.upper()} {path}" for path, told in paths for method in told)

    def find(self, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
        """Find the operation of a method at a path, by the name it has in `operations`."""
        for pattern, template, told in self._paths:
            if pattern.fullmatch(path) and method.lower() in told:
                return f"{method} {template}", told[method.lower()]
        return None

    def allows(self, status: int, *, method: str, path: str) -> bool:
        """Tell whether an answer is described; a path or a method that is not is answered 404 or 405."""
        if path in OPEN_ROUTES:
            return True
        found = self.find(method, path)
        return str(status) in found[1]["responses"] if found is not None else status in (404, 405)

    def is_open(self, method: str, path: str) -> bool:
        """Tell whether anyone may call this."""
        found = self.find(method, path)
        return path in OPEN_ROUTES or (found is not None and found[1].get("security") == [])


@dataclass(kw_only=True)
class Bridge:
    """An application as several identities reach it, each with every request; the fuzzer is told what the last got."""

    app: FastAPI
    loop: asyncio.AbstractEventLoop
    identities: Sequence[Identity]
    rows: Rows
    described: Description
    served: set[str] = field(default_factory=set)
    """Which operations were answered as the last identity asked."""
    broken: dict[str, str] = field(default_factory=dict)
    """What was asked and answered, by the promise that this broke."""
    _before: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of the fuzzer, in the loop of the tests."""
        if scope["type"] != "http":
            raise RuntimeError("the application was started already")
        body = await _whole(receive)
        answer = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.ask(scope, body), self.loop))
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def ask(self, scope: Scope, body: bytes) -> Answer:
        """Send a request as every identity, watch what comes of it, and give the answer to the last."""
        for identity in self.identities:
            answer = await self._asked_by(identity, scope, body)
        found = self.described.find(scope["method"], scope["raw_path"].decode("latin-1"))
        if answer.status < 400 and found is not None:
            self.served.add(found[0])
        return answer

    async def _asked_by(self, identity: Identity, scope: Scope, body: bytes) -> Answer:
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        target = path + (f"?{query}" if query else "")
        proof = [(name.lower().encode(), value.encode()) for name, value in identity.credentials(method, target)]
        proven = {name for name, _ in proof}
        headers = [(name, value) for name, value in scope["headers"] if name not in proven]
        if self._before is None:
            self._before = await self.rows.add_up()
        answer = await _told(self.app, {**scope, "headers": headers + proof, "state": {}}, body)
        findings = list(_wrong_with(answer))
        if not self.described.allows(answer.status, method=method, path=path):
            findings.append("is not in the description")
        if answer.status < 400 and not identity.is_let_in and not self.described.is_open(method, path):
            findings.append(f"lets {identity.name} in")
        if method not in _READS:
            before, self._before = self._before, await self.rows.add_up()
            if answer.status >= 400 and before != self._before:
                findings.append(f"left {_changes(before, self._before)} behind")
        for finding in findings:
            asked = f"{identity.name}: {method} {target} {body[:500]!r} -> {answer.status} {answer.body[:500]!r}"
            self.broken.setdefault(f"{method} {scope['path'].split('/')[:3]} {answer.status} {finding}", asked)
        return answer


def _wrong_with(answer: Answer) -> Iterator[str]:
    """Say what is wrong with an answer, whoever asked for it."""
    if answer.status >= 500:
        yield "is an error of ours"
    if answer.status < 400:
        return
    kind = dict(answer.headers).get(b"content-type", b"").decode()
    if kind != "application/problem+json":
        yield f"is {kind}, not a problem"
        return
    told = json.loads(answer.body)
    if not told.keys() >= _FIELDS or told["status"] != answer.status:
        yield "lacks the fields of a problem"
    if CANARY in answer.body.decode():
        yield "repeats what was sent"


def _changes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(name for old, new in zip(before, after, strict=True) for name in new if old[name] != new[name])


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _told(app: FastAPI, scope: Scope, body: bytes) -> Answer:
    said: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    start, *rest = said
    return Answer(start["status"], list(start["headers"]), b"".join(part.get("body", b"") for part in rest))
