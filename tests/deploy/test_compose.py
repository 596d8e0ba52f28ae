"""The platform in containers: who reaches whom, who is told what, and what a container may do."""

import importlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with uvicorn, without types

from deploy.compose import credentials, readiness
from shared.settings import names_under
from single_node.place import Place

ROOT = Path(__file__).parents[2]
COMPOSED: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = COMPOSED["services"]
OURS = ("gateway", "customer-index", "case-episodes", "referrals")
WATCHERS = {"prometheus", "otel-collector"}
BY_HAND = {"redrive"}


def of(service: str) -> dict[str, dict[str, Any]]:
    """Give the containers of one of our services by their process."""
    return {
        name.removeprefix(f"{service}-"): container
        for name, container in CONTAINERS.items()
        if name.startswith(f"{service}-")
    }


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_may_do_no_more_than_it_has_to(name: str) -> None:
    container = CONTAINERS[name]

    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "restart"} <= container.keys()
    assert "privileged" not in container


def test_only_the_gateway_and_the_dashboards_are_published_and_only_on_this_machine() -> None:
    published = {name: port for name, container in CONTAINERS.items() for port in container.get("ports", ())}

    assert published.keys() == {"gateway-api", "grafana"}
    assert all(port.startswith("127.0.0.1:") for port in published.values())


def test_no_network_but_the_front_leads_out() -> None:
    networks = COMPOSED["networks"]

    assert [name for name, network in networks.items() if not network.get("internal")] == ["front"]


def test_a_service_reaches_its_own_database_and_no_other() -> None:
    for service in OURS:
        for process, container in of(service).items():
            databases = {name for name in container["networks"] if name.endswith("-database")}
            assert databases <= {f"{service}-database"}, process


def test_an_inner_service_is_reached_by_the_gateway_alone() -> None:
    for service in OURS[1:]:
        there = {name for name, container in CONTAINERS.items() if service in container["networks"]}
        assert there - WATCHERS == {f"{service}-api", "gateway-api"}


def test_kafka_is_reached_by_those_who_publish_or_follow() -> None:
    there = {name for name, container in CONTAINERS.items() if "kafka" in container["networks"]} - WATCHERS - {"kafka"}

    assert {name.rpartition("-")[2] for name in there} == {"relay", "consumer", "topics"}


@pytest.mark.parametrize("service", OURS)
def test_every_process_of_a_service_is_there(service: str) -> None:
    package = service.replace("-", "_")
    program = (ROOT / "services" / service / package / "__main__.py").read_text("utf-8")
    processes = importlib.import_module(f"{package}.__main__").PROCESSES if "PROCESSES" in program else None

    assert processes is not None
    assert set(of(service)) == set(processes) - BY_HAND
    assert all(container["command"] == [process] for process, container in of(service).items())


@pytest.mark.parametrize("service", OURS)
def test_every_variable_and_every_secret_is_a_setting(service: str) -> None:
    prefix = f"{service.replace('-', '_')}_"
    importlib.import_module(f"{prefix.removesuffix('_')}.__main__")
    known = {f"{prefix}{name}" for name in names_under(prefix.upper())}

    for container in of(service).values():
        told = {name.lower() for name in container["environment"]} | set(container["secrets"])
        assert {name for name in told if name.startswith(prefix)} <= known
        assert all(name.startswith(prefix) for name in container["secrets"])


def test_nobody_but_provision_is_told_how_to_be_superuser_and_nobody_else_how_to_sign() -> None:
    def told(suffix: str) -> set[str]:
        return {
            name
            for name, container in CONTAINERS.items()
            if any(one.endswith(suffix) for one in container.get("secrets", ()))
        }

    assert told("_admin_database_url") == {f"{service}-provision" for service in OURS}
    assert told("_permit_key") == {"gateway-api"}
    assert told("_checkpoint_key") == {"gateway-jobs"}


def test_an_api_is_told_no_role_that_could_open_a_closed_database() -> None:
    for service in OURS:
        assert not [name for name in of(service)["api"]["secrets"] if "worker" in name or "owner" in name]


def test_secrets_are_made_once_and_are_those_that_containers_are_given(tmp_path: Path) -> None:
    place = Place(tmp_path / "composed")
    made = credentials.write(place)
    before = {path.name: path.read_bytes() for path in place.secrets.iterdir()}

    assert credentials.write(place) == []
    assert {path.name: path.read_bytes() for path in place.secrets.iterdir()} == before
    assert set(made) == set(COMPOSED["secrets"])
    assert {Path(secret["file"]).name for secret in COMPOSED["secrets"].values()} == set(made)
    assert place.secrets.stat().st_mode & 0o777 == 0o700


def test_a_missing_secret_is_made_anew_without_touching_the_others(tmp_path: Path) -> None:
    place = Place(tmp_path / "composed")
    credentials.write(place)
    (place.secrets / "referrals_cursor_secret").unlink()

    assert credentials.write(place) == ["referrals_cursor_secret"]


@pytest.mark.parametrize(
    ("policy", "check", "state", "expected"),
    [
        ("unless-stopped", ["CMD", "true"], ("running", 0), (False, False)),
        ("no", None, ("exited", 0), (True, False)),
        ("no", None, ("exited", 78), (True, True)),
    ],
)
def test_what_an_engine_says_of_a_container_is_understood(
    policy: str, check: list[str] | None, state: tuple[str, int], expected: tuple[bool, bool]
) -> None:
    found = {
        "Id": "1",
        "State": {"Status": state[0], "ExitCode": state[1]},
        "Config": {
            "Labels": {"com.docker.compose.service": "gateway-api"},
            "Healthcheck": check and {"Test": check},
        },
        "HostConfig": {"RestartPolicy": {"Name": policy}},
    }

    container = readiness.described(found)

    assert (container.once, container.failed) == expected
    assert container.check == tuple(check[1:] if check else ())


def test_the_store_of_kafka_and_its_host_come_from_the_environment_alone() -> None:
    properties = (ROOT / "deploy/kafka/server.properties").read_text("utf-8")
    dockerfile = (ROOT / "deploy/kafka/Dockerfile").read_text("utf-8")

    for name in re.findall(r"\$\{env:(\w+)\}", properties):
        assert re.search(rf"\b{name}=\S+", dockerfile), f"{name} has no default"
    assert os.access(ROOT / "deploy/kafka/kafka", os.X_OK)
