"""What goes into an image: only its service, what all share, and the libraries these name, pinned by the lock."""

import re
import tomllib
from pathlib import Path

import pytest

from deploy.image import locked

ROOT = Path(__file__).parents[2]
SERVICES = ("gateway", "customer-index", "case-episodes", "referrals")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
RESULT = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


@pytest.fixture(autouse=True)
def _in_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_tool_that_builds_an_image_is_pinned_and_hashed() -> None:
    entries = locked.tools()

    assert {entry.partition("==")[0] for entry in entries} == set(locked.TOOLS)
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_given_what_its_service_and_the_shared_package_name(service: str) -> None:
    wanted = locked.wanted(["shared", f"services/{service}"])

    named = [
        name
        for one in ("shared", f"services/{service}")
        for name in tomllib.loads((ROOT / one / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    ]
    assert wanted == [name for name in named if not name.startswith("scv-")]
    assert "fastapi" in wanted


@pytest.mark.parametrize("service", SERVICES)
def test_the_lock_pins_every_library_an_image_is_given(service: str) -> None:
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))

    named = {re.split(r"[\[<>=!~ ]", name)[0] for name in locked.wanted(["shared", f"services/{service}"])}
    assert named <= pinned


def test_only_what_an_image_is_made_of_is_sent_to_the_builder() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        "!requirements.lock",
        "!shared",
        "!services",
        "!deploy/image",
    }


def test_the_result_takes_nothing_but_the_environment_from_the_stage_that_builds() -> None:
    assert re.findall(r"^(?:COPY|ADD) .*$", RESULT, re.MULTILINE) == ["COPY --from=build /app /app"]
    assert "pip*" in RESULT
    assert "ensurepip" in RESULT


def test_the_result_runs_as_nobody_in_particular_and_never_as_root() -> None:
    assert re.findall(r"^USER (.*)$", RESULT, re.MULTILINE) == ["10001:10001"]
    assert RESULT.index("USER ") > RESULT.rindex("\nRUN "), "nothing is written after the user is set"


@pytest.mark.parametrize("path", ["Dockerfile", "deploy/kafka/Dockerfile"])
def test_every_base_image_can_be_named_from_outside(path: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    arguments = set(re.findall(r"^ARG (\w+)=", text[: text.index("\nFROM ")], re.MULTILINE))

    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {f"${{{name}}}" for name in arguments}
