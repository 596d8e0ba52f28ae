"""Rules, dashboards and the configuration of Prometheus: they hold together, and name only what the code tells.

The rules themselves are tested by promtool, from deploy/observability/prometheus/tests.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # comes with uvicorn, without types

from tests.documents import ROOT
from tests.metrics import every_metric
from tests.needed import give_up

HERE: Final = ROOT / "deploy" / "observability"
RULES: Final = sorted((HERE / "prometheus" / "rules").glob("*.yaml"))
UNIT_TESTS: Final = sorted((HERE / "prometheus" / "tests").glob("*.yaml"))
DASHBOARDS: Final = sorted((HERE / "grafana" / "dashboards").glob("*.json"))
HOW_TO: Final = "rules are tested by promtool: apt-get install --no-install-recommends prometheus"
RUNBOOKS: Final = frozenset(
    [
        *("install", "upgrade", "rollback", "scale", "backup-and-restore", "kafka-lost", "postgresql-lost"),
        *("onboard-a-borough", "onboard-a-partner", "agreement-suspended", "suspected-leak", "rotate-keys"),
        *("dead-letters", "lag", "broken-seal"),
    ]
)
FROM_TARGETS: Final = frozenset({"service", "process", "instance", "job"})
"""Labels that a scrape adds."""
OF_OTHERS: Final = frozenset({"up", "process_resident_memory_bytes"})
"""Series that Prometheus, and the client library, make for any program."""


def promtool(*arguments: str) -> str:
    """Run promtool; skip, or where everything has to be tested fail, without it."""
    program = shutil.which("promtool")
    if program is None:
        give_up(HOW_TO)
    # It makes a database for each test: with so little in each, collecting its garbage is a quarter of its work.
    seldom = {**os.environ, "GOGC": "400"}
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=600, check=False, env=seldom)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    """List all rules, recorded and alerting."""
    return [
        rule for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"] for rule in group["rules"]
    ]


def alerts() -> list[dict[str, Any]]:
    """List the alerts."""
    return [rule for rule in rules() if "alert" in rule]


def panels() -> list[dict[str, Any]]:
    """List the panels of all dashboards that show something."""
    boards = [json.loads(path.read_text("utf-8")) for path in DASHBOARDS]
    return [panel for board in boards for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """List every expression that Prometheus is asked."""
    return [rule["expr"] for rule in rules()] + [one["expr"] for panel in panels() for one in panel["targets"]]


def test_the_rules_are_well_formed() -> None:
    told = promtool("check", "rules", *map(str, RULES))

    assert sum(map(int, re.findall(r"(\d+) rules found", told))) == len(rules())


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: str(path.stem))
def test_the_rules_do_what_they_are_for(path: Path) -> None:
    promtool("test", "rules", str(path))


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    names = [test["name"] for path in UNIT_TESTS for test in yaml.safe_load(path.read_text("utf-8"))["tests"]]

    assert sorted(names) == sorted(f"{one['alert']} {said}" for one in alerts() for said in ("fires", "keeps quiet"))


def test_every_alert_says_what_is_wrong_how_bad_it_is_and_where_to_read_on() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in ("critical", "warning"), alert["alert"]
        assert len(alert["annotations"]["description"]) > 40, alert["alert"]
        path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        folder, _, name = path.rpartition("/")
        assert folder == "docs/runbooks", alert["alert"]
        assert name.removesuffix(".md") in RUNBOOKS, alert["alert"]
        assert not anchor or anchor in anchors_of(ROOT / path), f"{alert['alert']}: {path} has no #{anchor}"


def anchors_of(page: Path) -> set[str]:
    """List the anchors of a page's headings, as they are made of their words."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_what_is_asked_for_is_told_by_the_code_with_these_labels() -> None:
    labels_of: dict[str, set[str]] = {name: set() for name in OF_OTHERS}
    for metric in every_metric().values():
        labels_of |= {name: {*metric.labels, "le"} for name in metric.series()}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = 0
    for expression in expressions():
        for name, selector in re.findall(
            r"\b((?:scv|http|process)_[a-z0-9_]+|up)\b(?!:)(\{[^}]*(?:\{[^}]*\}[^}]*)*\})?", expression
        ):
            assert name in labels_of, f"{name} is asked for and nobody tells it"
            asked += 1
            matched = set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', selector))
            assert matched <= labels_of[name] | FROM_TARGETS, f"{name} has no {matched - labels_of[name]}"
        assert set(re.findall(r"\bscv:[a-z0-9_:]+", expression)) <= recorded, expression
    assert asked > 100


def test_every_metric_of_ours_is_on_a_dashboard_or_in_a_rule() -> None:
    told = " ".join(expressions())

    assert [name for name, one in every_metric().items() if not any(series in told for series in one.series())] == []


def test_dashboards_have_names_of_their_own_and_ask_what_prometheus_understands(tmp_path: Path) -> None:
    boards = [json.loads(path.read_text("utf-8")) for path in DASHBOARDS]
    asked = [{"record": f"dashboard:{number}", "expr": one} for number, one in enumerate(expressions())]
    all_asked = tmp_path / "dashboards.yaml"
    all_asked.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": asked}]}), "utf-8")

    assert [board["uid"] for board in boards] == [path.stem for path in DASHBOARDS]
    assert len({board["title"] for board in boards}) == len(boards) == 4
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
    promtool("check", "rules", str(all_asked))


def test_prometheus_asks_every_process_that_the_compose_file_runs() -> None:
    configured = yaml.safe_load((HERE / "prometheus" / "prometheus.yml").read_text("utf-8"))
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    asked = {}
    for job in configured["scrape_configs"]:
        assert job["honor_labels"], "a series that names a service itself is left as it is"
        for targets in job["static_configs"]:
            (target,) = targets["targets"]
            asked[target] = f"{targets['labels']['service']}-{targets['labels']['process']}"
    lasting = {name for name in composed if name.rpartition("-")[2] in ("api", "relay", "consumer", "jobs", "ledger")}

    assert {name.partition(":")[0]: said for name, said in asked.items()} == {name: name for name in lasting}
    assert {name.partition(":")[2] for name in asked if "-api:" in name} == {"8080"}
    assert {name.partition(":")[2] for name in asked if "-api:" not in name} == {"9090"}


def test_prometheus_operator_is_given_the_same_rules() -> None:
    path = ROOT / "deploy" / "alerts.py"
    spec = importlib.util.spec_from_file_location("alerts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    manifests = (ROOT / "deploy" / "components" / "monitoring" / "alerts.yaml").read_text("utf-8")
    given = [
        rule for one in yaml.safe_load_all(manifests) for group in one["spec"]["groups"] for rule in group["rules"]
    ]
    assert manifests == module.written(), "python3 deploy/alerts.py"
    assert given == rules()


def test_the_dashboards_are_all_given_to_the_cluster() -> None:
    made = yaml.safe_load((HERE / "kustomization.yaml").read_text("utf-8"))

    (generated,) = made["configMapGenerator"]
    assert sorted(generated["files"]) == [str(path.relative_to(HERE)) for path in DASHBOARDS]
