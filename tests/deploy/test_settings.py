"""Whatever a manifest or the compose file tells a process is a setting of it, with a value that its class takes."""

import copy
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # comes with uvicorn, without types

from deploy.checks.rendering import OVERLAYS, ROOT, of_kind
from deploy.checks.told import names, unknown, unknown_in
from tests.deploy.overlays import overlay_of

COMPOSE: Final = ROOT / "docker-compose.yml"


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_variable_and_secret_file_in_manifests_is_a_setting(name: str) -> None:
    assert unknown_in(overlay_of(name)) == []


def test_every_variable_in_the_compose_file_is_a_setting() -> None:
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    for service, described in services.items():
        told = described.get("environment") or {}
        if isinstance(told, list):
            told = dict(one.partition("=")[::2] for one in told)
        values = {key: None if value is None or "$" in str(value) else str(value) for key, value in told.items()}

        assert unknown(values, image=f"{service} {described.get('image', '')}") == [], service


def test_every_secret_file_in_the_compose_file_is_a_setting() -> None:
    described = yaml.safe_load(COMPOSE.read_text("utf-8"))
    targets = {
        one if isinstance(one, str) else one.get("target", one["source"])
        for service in described["services"].values()
        if str(service.get("image", "")).startswith("scv/") and "kafka" not in str(service.get("image", ""))
        for one in service.get("secrets", ())
    }

    assert {target for target in targets if target.upper() not in names()} == set()


def test_settings_are_the_services_own() -> None:
    known = names()

    assert {"GATEWAY_PERMIT_KEY", "REFERRALS_PERMIT_KEYS", "CUSTOMER_INDEX_WORKER_DATABASE_URL"} <= known.keys()
    assert not {"GATEWAY_PERMIT_KEYS", "REFERRALS_PERMIT_KEY", "DATABASE_URL"} & known.keys()


@pytest.mark.parametrize(
    ("name", "value"), [("GATEWAY_POOL_SISE", "8"), ("GATEWAY_POOL_SIZE", "many"), ("GATEWAY_POOL_SIZE", "0")]
)
def test_a_misspelt_name_and_a_value_of_another_type_are_found(name: str, value: str) -> None:
    everything = copy.deepcopy(list(overlay_of("partnership")))
    told = next(one for one in of_kind(everything, "ConfigMap") if "GATEWAY_HOST" in one["data"])
    told["data"][name] = value

    assert any(name in what for what in unknown_in(everything))
