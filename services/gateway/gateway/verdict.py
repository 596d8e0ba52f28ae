"""What a borough's policy answers about some cells of a call.

In this room: the question as Cedar takes it, and its answer. A policy is told no more than it asks for; one that asks
for more fails, and forbids. Not in this room: which policies are asked what (`narrowing`) and what a policy may say
(`borough_policy`).
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import structlog
from cedarpy import is_authorized_batch

from gateway.borough_policy import Forbids
from shared.categories import Action

log = structlog.get_logger()

UNREADABLE: Final = "cannot-be-evaluated"
"""Stands for the id of a policy where a borough's text fails, which forbids everything it is asked about."""

Cell = tuple[tuple[str, str], ...]
"""The attributes of some data, as far as a policy asks for them."""
Circumstances = tuple[tuple[str, Any], ...]
"""Who asks, why and when, as far as a policy asks for it: attributes of the worker and of the context, and `action`."""


@lru_cache(maxsize=2048)
def forbidden_cells(forbids: Forbids, *, circumstances: Circumstances, cells: frozenset[Cell]) -> Mapping[Cell, str]:
    """Ask a borough's policies about some cells; give those that they forbid or fail on, with the `borough/id`."""
    if forbids.rules is None:
        _alarm(forbids)
        return dict.fromkeys(cells, f"{forbids.org}/{UNREADABLE}")
    asked = list(cells)
    told = {name: _value(name, value) for name, value in circumstances}
    # Actions have no attributes, so where none asks for the action any will do.
    action = {"type": "Action", "id": told.pop("action", Action.READ)}
    worker = {name: told.pop(name) for name in _OF_WORKER if name in told}
    context = json.dumps(told)
    entities = json.dumps(
        [
            {"uid": _WORKER, "attrs": worker, "parents": []},
            *(
                {"uid": _data(number), "attrs": {name: _value(name, value) for name, value in cell}, "parents": []}
                for number, cell in enumerate(asked)
            ),
        ]
    )
    requests = [
        {"principal": _WORKER, "action": action, "resource": _data(number), "context": context}
        for number in range(len(asked))
    ]
    forbidden = {}
    failed = False
    for cell, result in zip(asked, is_authorized_batch(requests, forbids.rules, entities), strict=True):
        if result.diagnostics.errors:
            failed = True
            forbidden[cell] = f"{forbids.org}/{UNREADABLE}"
        elif not result.allowed:
            number = min(int(reason.removeprefix("policy")) for reason in result.diagnostics.reasons)
            forbidden[cell] = f"{forbids.org}/{forbids.ids[number]}"
    if failed:
        _alarm(forbids)
    return forbidden


_WORKER: Final = {"type": "Worker", "id": "caller"}
_OF_WORKER: Final = ("organisation", "roles", "training_current", "commitment_current")
_ORGANISATIONS: Final = frozenset({"organisation", "acting_for", "owner"})


def _data(number: int) -> dict[str, str]:
    return {"type": "Data", "id": str(number)}


def _value(name: str, value: Any) -> Any:
    """Give an attribute's value as Cedar takes it."""
    if name in _ORGANISATIONS:
        return {"__entity": {"type": "Organisation", "id": value}}
    return sorted(value) if isinstance(value, frozenset) else value


def _alarm(forbids: Forbids) -> None:
    log.error("a borough policy cannot be evaluated and forbids all", org=forbids.org, digest=forbids.digest)
