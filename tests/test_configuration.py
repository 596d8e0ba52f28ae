"""What processes are told from outside: all of it documented, and what is wrong said in one line without a value."""

import asyncio
import json
import os
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from pydantic import BaseModel
from pydantic_core import to_json
from structlog.testing import capture_logs

from shared.settings import KafkaSettings, Told
from shared.told import Misconfigured
from tests.builders import PERMIT_KEY, PERMIT_KEYS, SECRET
from tests.configuration import PACKAGES, classes_read, page, prefix_of, processes_of, settings_of
from tests.documents import NOWHERE
from tests.processes import ended

PROCESSES = [(package, process) for package in PACKAGES for process in processes_of(package)]
EXIT_CONFIGURATION = 78
VALUES = {
    "database_url": NOWHERE,
    "worker_database_url": NOWHERE,
    "owner_database_url": NOWHERE,
    "admin_database_url": NOWHERE.replace("+asyncpg", ""),
    "cursor_secret": SECRET,
    "permit_keys": to_json(PERMIT_KEYS).decode(),
    "permit_key": to_json(PERMIT_KEY.as_dict(private=True)).decode(),
    "checkpoint_key": to_json(PERMIT_KEY.as_dict(private=True)).decode(),
    "customer_index_url": "http://127.0.0.1:1",
    "ledger_url": "file:///tmp",
    "bootstrap_servers": "127.0.0.1:1",
    "founding": json.dumps(
        {
            "org": "platform",
            "name": "Platform operator",
            "identity_provider": {
                "name": "local",
                "issuer": "https://identity.example.org",
                "audience": "scv",
                "algorithms": ["Ed25519"],
                "jwks": PERMIT_KEYS,
            },
            "administrators": ["ada"],
        }
    ),
}
"""Something valid for everything that is required."""


def every_settings_class() -> list[type[Told]]:
    def below(kind: type[Told]) -> Any:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    return list(below(Told))


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which no service is told anything."""
    for variable in list(os.environ):
        if variable.startswith(("KAFKA_", *map(prefix_of, PACKAGES))):
            monkeypatch.delenv(variable)
    return monkeypatch


@pytest.mark.parametrize("kind", every_settings_class(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_setting_says_what_it_means(kind: type[BaseModel]) -> None:
    assert {name for name, field in kind.model_fields.items() if not field.description} == set()


def test_every_setting_there_is_stands_on_the_page() -> None:
    told = page()
    for kind in every_settings_class():
        prefix = kind.model_config["env_prefix"]
        for name in kind.model_fields:
            assert f"{prefix}{name}`".upper() in told if prefix else f"_{name}`".upper() in told


def test_a_password_in_an_address_makes_it_a_secret() -> None:
    secrets = {one.variable for one in settings_of("gateway") if one.is_secret}

    assert {"GATEWAY_DATABASE_URL", "GATEWAY_PERMIT_KEY", "GATEWAY_CURSOR_SECRET", "GATEWAY_CHECKPOINT_KEY"} <= secrets
    assert not {"GATEWAY_CUSTOMER_INDEX_URL", "GATEWAY_PORT"} & secrets


@pytest.mark.parametrize(("package", "process"), PROCESSES)
async def test_a_process_asks_for_what_the_page_says_it_reads(
    package: str, process: str, untold: pytest.MonkeyPatch
) -> None:
    classes = classes_read(package, process)
    required = {
        f"{'KAFKA_' if kind is KafkaSettings else prefix_of(package)}{name}".upper()
        for kind in classes
        for name, field in kind.model_fields.items()
        if field.is_required()
    }
    asked: set[str] = set()
    untold.setenv(f"{prefix_of(package)}PORT", "0")
    untold.setenv(f"{prefix_of(package)}DRAIN_SECONDS", "0")

    while (missing := await _missing(processes_of(package)[process])) - asked:
        for variable in missing:
            _, _, name = variable.partition(prefix_of(package))
            untold.setenv(variable, VALUES[name.lower() or variable.removeprefix("KAFKA_").lower()])
        asked |= missing

    assert asked == required


async def _missing(work: Any) -> set[str]:
    """Start a process as far as it gets without a database, and give the variables it misses."""
    try:
        with capture_logs():
            async with asyncio.timeout(0.2):
                await work()
    except Misconfigured as misconfigured:
        return {fault.partition(" is missing")[0] for fault in misconfigured.faults}
    except (TimeoutError, OSError, KafkaError):
        return set()
    return set()


async def said(package: str, process: str, **told: str) -> tuple[int | None, list[dict[str, Any]]]:
    """Run a process that cannot start; give its exit code and its log."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(prefix_of(package))}
    code, log = await ended(package, process, clean | told)
    return code, [json.loads(line) for line in log.splitlines()]


async def test_a_process_that_misses_settings_says_all_of_them_in_one_line() -> None:
    code, log = await said("referrals", "api", REFERRALS_PORT="no port", REFERRALS_DATABASE_URL="mysql://hush")

    assert code == EXIT_CONFIGURATION
    assert [line["event"] for line in log] == ["misconfigured"]
    assert log[0]["process"] == "api"
    assert [fault.split(" ", 1) for fault in log[0]["faults"]] == [
        ["REFERRALS_DATABASE_URL", "must begin with postgresql+asyncpg://"],
        ["REFERRALS_CURSOR_SECRET", "is missing (a file /run/secrets/referrals_cursor_secret would do as well)"],
        [
            "REFERRALS_PORT",
            "is not valid: Input should be a valid integer, unable to parse string as an integer",
        ],
        ["REFERRALS_PERMIT_KEYS", "is missing (a file /run/secrets/referrals_permit_keys would do as well)"],
    ]


async def test_a_misspelt_setting_keeps_a_process_from_starting() -> None:
    told = {f"GATEWAY_{name}".upper(): VALUES[name] for name in ("worker_database_url", "checkpoint_key")}

    code, log = await said("gateway", "jobs", **told, GATEWAY_CHECKPOINT_ORIGN="hush")

    assert code == EXIT_CONFIGURATION
    assert log[0]["faults"] == [
        "GATEWAY_CHECKPOINT_ORIGN is no setting of this version (GATEWAY_CHECKPOINT_ORIGIN is one)"
    ]
    assert "hush" not in json.dumps(log)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("permit_key", "hush"),
        ("permit_key", to_json(PERMIT_KEY.as_dict(private=False)).decode()),
        ("permit_key", '{"kty": "OKP", "crv": "Ed25519", "d": "hush", "x": "hush", "kid": "1"}'),
        ("cursor_secret", "hush"),
        ("cursor_secret", f"{SECRET},hush"),
        ("database_url", "postgresql+asyncpg://app:hush@[::1/gateway"),
        ("database_url", "postgresql+asyncpg://app@db:hush/gateway"),
        ("agreement_checks", "hush"),
        ("customer_index_url", "hush"),
    ],
    ids=range(9),  # a key made anew by each test process must not name a test
)
def test_a_setting_that_is_not_valid_is_named_and_never_quoted(
    name: str, value: str, untold: pytest.MonkeyPatch
) -> None:
    [kind] = classes_read("gateway", "api")
    needed = ("database_url", "cursor_secret", "permit_key", "customer_index_url")
    for variable, valid in {**{one: VALUES[one] for one in needed}, name: value}.items():
        untold.setenv(f"GATEWAY_{variable}".upper(), valid)

    with pytest.raises(Misconfigured) as misconfigured:
        kind()

    [fault] = misconfigured.value.faults
    assert fault.startswith(f"GATEWAY_{name.upper()} ")
    assert "hush" not in fault
    assert misconfigured.value.__cause__ is None


def test_a_set_of_keys_with_a_private_one_among_them_is_refused(untold: pytest.MonkeyPatch) -> None:
    [kind] = classes_read("referrals", "api")
    for name in ("database_url", "cursor_secret"):
        untold.setenv(f"REFERRALS_{name}".upper(), VALUES[name])
    untold.setenv("REFERRALS_PERMIT_KEYS", json.dumps({"keys": [PERMIT_KEY.as_dict(private=True)]}))

    with pytest.raises(Misconfigured, match="without its private part"):
        kind()


def test_what_is_no_json_is_said_without_what_it_is(untold: pytest.MonkeyPatch) -> None:
    kind = classes_read("gateway", "found")[-1]
    untold.setenv("GATEWAY_DATABASE_URL", NOWHERE)
    untold.setenv("GATEWAY_FOUNDING", "{hush")

    with pytest.raises(Misconfigured) as misconfigured:
        kind()

    assert misconfigured.value.faults == ("GATEWAY_FOUNDING is not valid JSON",)
