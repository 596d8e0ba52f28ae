"""Writes the documents that follow from the code: `make docs`.

A test holds them to the code, so they are never out of date.
"""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # comes with uvicorn, without types
from fastapi import FastAPI
from pydantic_core import to_json

from shared import asyncapi
from shared.events import EVENTS
from shared.problems import Problem
from tests import configuration
from tests.builders import PERMIT_KEY, PERMIT_KEYS, SECRET

ROOT = Path(__file__).parent.parent
ROOMS = ("shared", "case_episodes", "customer_index", "gateway", "referrals")
NOWHERE = "postgresql+asyncpg://nobody@localhost:1/none"


def problem_classes() -> list[type[Problem]]:
    """List every problem the services can answer with, by status and name."""
    for room in ROOMS:
        importlib.import_module(f"{room}.problems")
    importlib.import_module("gateway.refusals")

    def below(base: type[Problem]) -> Iterator[type[Problem]]:
        for problem in base.__subclasses__():
            yield problem
            yield from below(problem)

    found = {problem for problem in below(Problem) if problem.__module__.partition(".")[0] in ROOMS}
    return sorted(found, key=lambda problem: (problem.status, problem.type(), problem.__module__))


def problems_page() -> str:
    """Render the catalogue of problems."""
    lines = [
        "# Problems",
        "",
        "Every error is `application/problem+json` with `type`, `title`, `status`, `detail`, `request_id` and",
        "`errors[] {pointer, detail}`. A problem names the field that is wrong, never its value. Refusals that",
        "depend on a person are 404 like any other. Written by `make docs` from the docstrings.",
        "",
        "| status | type | what is wrong | what to do |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {problem.status} | `{problem.type()}` | {problem.title()} | {problem.advice()} |"
        for problem in problem_classes()
    ]
    return "\n".join(lines) + "\n"


def applications() -> dict[str, FastAPI]:
    """Make every service's application, for its routes only."""
    from case_episodes.app import create_app as case_episodes
    from case_episodes.settings import Settings as CaseEpisodesSettings
    from customer_index.app import create_app as customer_index
    from customer_index.settings import Settings as CustomerIndexSettings
    from gateway.app import create_app as gateway
    from gateway.settings import Settings as GatewaySettings
    from referrals.app import create_app as referrals
    from referrals.settings import Settings as ReferralsSettings

    common = {"database_url": NOWHERE, "cursor_secret": SECRET}
    return {
        "case-episodes": case_episodes(
            CaseEpisodesSettings(**common, permit_keys=to_json(PERMIT_KEYS).decode())  # type: ignore[arg-type]
        ),
        "customer-index": customer_index(
            CustomerIndexSettings(**common, permit_keys=to_json(PERMIT_KEYS).decode())  # type: ignore[arg-type]
        ),
        "gateway": gateway(
            GatewaySettings(
                **common,  # type: ignore[arg-type]
                permit_key=to_json(PERMIT_KEY.as_dict(private=True)).decode(),
                customer_index_url="http://customer-index",
            )
        ),
        "referrals": referrals(
            ReferralsSettings(**common, permit_keys=to_json(PERMIT_KEYS).decode())  # type: ignore[arg-type]
        ),
    }


def documents() -> dict[Path, str]:
    """Give every document that follows from the code, with its text."""
    made = {ROOT / "docs" / "problems.md": problems_page()}
    made[ROOT / "docs" / "configuration.md"] = configuration.page()
    contracts = ROOT / "docs" / "contracts"
    for name, app in applications().items():
        made[contracts / f"{name}.openapi.json"] = _pretty(app.openapi())
    made[contracts / "asyncapi.yaml"] = _yaml(asyncapi.document())
    for event in EVENTS.values():
        made[contracts / "events" / f"{event.type}.schema.json"] = _pretty(event.model_json_schema())
    return made


def _yaml(document: object) -> str:
    # By way of JSON, so that what is shared between parts is written out in each and needs no anchors.
    return str(yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, allow_unicode=True, width=120))


def _pretty(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, content in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        print(f"docs: wrote {path.relative_to(ROOT)}")  # noqa: T201  a command says what it did
