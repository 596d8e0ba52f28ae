"""What every service's HTTP side has in common: health, request ids, traces, metrics, and errors rendered in one place.

Not in this room: who may call (guard.py for inner services, the gateway's caller.py) and any route but the open ones.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from time import perf_counter
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from opentelemetry.trace import Span, SpanKind, StatusCode
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.bodies import guarded
from shared.db import is_transient
from shared.logs import describe
from shared.openapi import Describe, DescribedService
from shared.problems import (
    FieldError,
    InternalError,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unavailable,
    UnsupportedMediaType,
)

OPEN_ROUTES: Final = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json"})
"""Routes of every service that anyone may call; they hold no personal data."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that metrics and spans name; a caller may send any word, and each would be kept for ever."""

_DETAILS: Final = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is required",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "union_tag_invalid": "is not one of the kinds allowed",
}
"""Our own words where a validation message could repeat what the caller sent."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

log = structlog.get_logger()


def create_app(
    title: str,
    *,
    registry: CollectorRegistry,
    lifespan: Lifespan,
    ready: Callable[[], Awaitable[None]],
    max_body_bytes: int,
    streamed: re.Pattern[str] | None = None,
    origin_of: telemetry.OriginOf = telemetry.linked_to,
    docs_url: str | None = None,
    describe: Describe = dict,
) -> FastAPI:
    """Make a service's application with the routes and the error handling all services share.

    `describe` makes the service's description of what FastAPI says of its routes. `ready` raises while the service
    cannot serve. Bodies over `max_body_bytes` are refused, except on paths that match `streamed`, which count for
    themselves. `origin_of` says what becomes of a caller's `traceparent`; one that is not ours to carry on is only
    pointed to.
    """
    app = DescribedService(
        describe,
        title=title,
        version="1",
        lifespan=lifespan,
        docs_url=docs_url,
        redoc_url=None,
        redirect_slashes=False,  # a redirect has the body sent once more, over plain HTTP behind a proxy that ends TLS
    )
    app.state.registry = registry
    app.add_middleware(
        Envelope, app_registry=registry, max_body_bytes=max_body_bytes, streamed=streamed, origin_of=origin_of
    )
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> dict[str, str]:
        try:
            await ready()
        except Exception as error:
            log.warning("not ready", exc_info=error)
            raise Unavailable("The service is not ready; its log says why.") from None
        return {"status": "ready"}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def request_id_of(request: Request) -> str:
    """Give the id of a request, the same as in its answer's `X-Request-Id`."""
    return str(request.scope["state"]["request_id"])


def render(problem: Problem, request_id: str) -> JSONResponse:
    """Render a problem as `application/problem+json`."""
    return JSONResponse(
        problem.body(request_id), problem.status, headers=problem.headers, media_type="application/problem+json"
    )


class Envelope:
    """Pure ASGI middleware around every request: its trace, its size limit, its metrics, its last line of defence."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        app_registry: CollectorRegistry,
        max_body_bytes: int,
        streamed: re.Pattern[str] | None,
        origin_of: telemetry.OriginOf,
    ) -> None:
        self._app = app
        self._max = max_body_bytes
        self._streamed = streamed
        self._origin_of = origin_of
        labels = ["method", "route", "status"]
        self._requests = Counter("http_requests", "Requests answered", labels, registry=app_registry)
        self._seconds = Histogram(
            "http_request_duration_seconds", "Time to answer", ["method", "route"], registry=app_registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._traced(scope) as span:
            await self._serve(scope, receive, send, span=span)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, span: Span) -> None:
        request_id = telemetry.request_id_of(span)
        scope.setdefault("state", {})["request_id"] = request_id
        started = perf_counter()
        status = 0

        async def outgoing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                message["headers"] += [
                    (b"x-request-id", request_id.encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._app(scope, self._guarded(scope, receive), outgoing)
        except Exception as error:
            telemetry.fail(span, error)
            if status:
                log.error("failed while answering", **describe(error))
                raise ConnectionAbortedError from None
            await render(_translated(error), request_id)(scope, receive, outgoing)
        finally:
            method, route = _method_of(scope), getattr(scope.get("route"), "path", "unmatched")
            self._requests.labels(method, route, str(status)).inc()
            self._seconds.labels(method, route).observe(perf_counter() - started)
            _tell(span, method=method, route=route, status=status)

    def _traced(self, scope: Scope) -> AbstractContextManager[Span]:
        """Open the span of a request; nobody follows probes."""
        if scope["path"] in OPEN_ROUTES:
            return telemetry.unrecorded()
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"]
        origin = self._origin_of(sent[0] if len(sent) == 1 else None)
        return telemetry.span(_method_of(scope), origin=origin, kind=SpanKind.SERVER)

    def _guarded(self, scope: Scope, receive: Receive) -> Receive:
        counts_itself = self._streamed is not None and self._streamed.search(scope["path"]) is not None
        return guarded(receive, scope, at_most=None if counts_itself else self._max)


def _method_of(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "other"


def _tell(span: Span, *, method: str, route: str, status: int) -> None:
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def _translated(error: Exception) -> Problem:
    """Turn what nobody handled into a problem that tells the caller only whether trying again may help."""
    if isinstance(error, Problem):
        return error
    if is_transient(error):
        log.warning("unavailable", **describe(error))
        return Unavailable("The database did not answer as it should.", headers={"Retry-After": "1"})
    log.error("unexpected", **describe(error))
    return InternalError("The log holds more under this request id.")


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  registered for Problem only
    return render(error, request_id_of(request))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for RequestValidationError only
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return render(MalformedRequest("The body is not valid JSON."), request_id_of(request))
    if any(one["loc"] == ("body",) and one["type"] != "missing" for one in found) and not _is_json(request):
        return render(UnsupportedMediaType("Send application/json."), request_id_of(request))
    errors = [FieldError(pointer_to(one["loc"]), words_for(one)) for one in found]
    return render(InvalidRequest("Some fields are not valid.", errors=errors), request_id_of(request))


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for HTTPException only
    problem: Problem
    if isinstance(error.__cause__, Problem):
        problem = error.__cause__
    elif error.status_code == 404:
        problem = NotFound("There is no such resource.")
    elif error.status_code == 405:
        problem = MethodNotAllowed(headers={"Allow": ", ".join(_methods_at(request))})
    elif error.status_code == 415:
        problem = UnsupportedMediaType("Send application/json.")
    else:
        problem = MalformedRequest("The request could not be read.")
    return render(problem, request_id_of(request))


def _methods_at(request: Request) -> list[str]:
    """List the methods of all routes at the path of a request; the first that matches knows only its own."""
    routes = iter_route_contexts(request.app.routes)
    at_path = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in at_path for method in route.methods or ()})


def words_for(error: Mapping[str, Any]) -> str:
    """Say what is wrong with a field, never repeating what was sent."""
    return _DETAILS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))


def pointer_to(location: tuple[Any, ...]) -> str:
    """Name a place in a request: a JSON pointer into the body, `?name` in the query, else the part and the name."""
    part, *rest = location
    if part == "body":
        steps = (str(step) for step in rest if step != "[key]")  # what Pydantic adds where a key itself is wrong
        return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    if part == "query":
        return "?" + ".".join(str(step) for step in rest)
    return f"{part} " + ".".join(str(step) for step in rest)
