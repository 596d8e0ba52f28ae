"""A campaign of Schemathesis against one service: what is generated, and what counts as a failure.

In this room: the phases, their size and seed, and the reading of what the engine reports, its warnings included.
`FUZZ_EXAMPLES` and `FUZZ_SEED` make it longer, and another: `make fuzz`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

import schemathesis
from schemathesis.cli.commands.run.warnings import WarningCollector
from schemathesis.config import SchemathesisConfig, SchemathesisWarning
from schemathesis.engine import events, from_schema

from tests.fuzz.bridge import CANARY, Bridge

SEED: Final = int(os.environ.get("FUZZ_SEED", "13"))
_EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "2"))
_PHASES: Final = ("coverage", "fuzzing", "stateful") if "FUZZ_EXAMPLES" in os.environ else ("fuzzing",)
_OF_THE_DATA: Final = frozenset(
    {
        SchemathesisWarning.DICTIONARY_MISMATCH,
        SchemathesisWarning.MISSING_AUTH,
        SchemathesisWarning.MISSING_TEST_DATA,
        SchemathesisWarning.VALIDATION_MISMATCH,
    }
)
"""Warnings that say of the few values that were drawn how many a rule let through; how many operations were served at
all is asked of the bridge."""
_SHARED_PATHS: Final = "/(people/search|referrals/preview)$"
"""Paths that are also those of one thing among others, by an id that they are not: a GET is answered 422."""


def campaign(bridge: Bridge, *, known: Mapping[str, Sequence[str | int]]) -> dict[str, str]:
    """Send generated requests through a bridge; give what went wrong, by where and how."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", bridge, config=_config(known))
    warned = WarningCollector(schema.config)
    context: Any = SimpleNamespace(find_operation=schema.find_operation_by_label)
    found: dict[str, str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            warned.on_scenario_finished(context, event)
            found |= _failures(event)
        elif isinstance(event, events.SchemaAnalysisWarnings):
            warned.on_schema_warnings(event)
        elif isinstance(event, events.NonFatalError):
            found[f"error: {event.label}"] = str(event.info)
        elif isinstance(event, events.FatalError):
            raise event.exception
    for kind, labels in warned.data.as_labels().items():
        if SchemathesisWarning(kind) not in _OF_THE_DATA:
            found |= {f"warning: {kind} {label}": "" for label in labels}
    return found | bridge.broken


def _failures(event: events.ScenarioFinished) -> dict[str, str]:
    failed = [check.failure_info for checks in event.recorder.checks.values() for check in checks]
    return {
        f"{event.label}: {info.failure.title}": f"{info.failure.message}\n{info.code_sample}"
        for info in failed
        if info is not None
    }


def _config(known: Mapping[str, Sequence[str | int]]) -> SchemathesisConfig:
    named = {parameter: re.sub("[^a-z]+", "-", parameter.lower()) for parameter in known}
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "dictionaries": {
                "canary": {"values": [CANARY]},
                **{named[parameter]: {"values": list(values)} for parameter, values in known.items()},
            },
            "parameters": {
                # Patience is not what is asked for here.
                "query.wait": 0,
                **{parameter: {"dictionary": name, "probability": 0.7} for parameter, name in named.items()},
            },
            "generation": {
                "max-examples": _EXAMPLES,
                "deterministic": True,
                "no-shrink": True,
                # Who asks is a matter of the bridge.
                "with-security-parameters": False,
                "dictionaries": {"string": {"dictionary": "canary", "probability": 0.2}},
            },
            "checks": {"ignored_auth": {"enabled": False}, "positive_data_acceptance": {"enabled": False}},
            "phases": {name: {"enabled": name in _PHASES} for name in ("examples", "coverage", "fuzzing", "stateful")},
            "operations": [
                {
                    "include-path-regex": _SHARED_PATHS,
                    "phases": {"coverage": {"unexpected-methods": ["put", "patch", "delete", "trace"]}},
                }
            ],
            "continue-on-failure": True,
        }
    )
