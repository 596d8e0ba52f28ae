"""A desk at which somebody calls the gateway: a worker, an administrator or a CRM, with a token of their own.

Only HTTP is spoken here, so that the same story can be played against any gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from single_node.demo.telling import Telling


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]
    body: Any

    @property
    def problem(self) -> str:
        """The type of the problem, such as `training-lapsed`, or nothing."""
        told = self.body.get("type", "") if isinstance(self.body, dict) else ""
        return str(told).removeprefix("/problems/")

    def without(self, *names: str) -> Any:
        """Give the body without some fields."""
        return {name: value for name, value in self.body.items() if name not in names}


@dataclass(frozen=True, slots=True)
class Desk:
    """One caller at one gateway."""

    who: str
    telling: Telling
    http: httpx.Client
    token: str | None = field(repr=False)

    def ask(
        self,
        method: str,
        path: str,
        *,
        purpose: str | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Call the gateway and tell what was asked and what came back."""
        reply = self.ask_quietly(method, path, purpose=purpose, json=json, content=content, headers=headers)
        reason = f" for {purpose}" if purpose else ""
        self.telling.asked(f"{self.who}: {method} {path}{reason}", answer=f"{reply.status} {reply.text}")
        return reply

    def ask_quietly(
        self,
        method: str,
        path: str,
        *,
        purpose: str | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Call the gateway without a word: for what is asked again and again."""
        said = {"Authorization": self.token and f"Bearer {self.token}", "SCV-Purpose": purpose}
        sent = {name: value for name, value in said.items() if value}
        answer = self.http.request(method, path, json=json, content=content, headers={**sent, **(headers or {})})
        is_json = "json" in answer.headers.get("content-type", "")
        return Reply(answer.status_code, answer.text, answer.headers, answer.json() if is_json else None)
