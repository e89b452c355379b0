"""The alert rules and the dashboard: their own tests, their runbooks, and metrics that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.observe.metrics import Metrics
from tests.deploy.files import DEPLOY, ROOT, RUNBOOKS, document, program

PROMETHEUS = DEPLOY / "prometheus"
RULES = [rule for group in document(PROMETHEUS / "alerts.yml")["groups"] for rule in group["rules"]]
NAMES = [rule["alert"] for rule in RULES]
PANELS = document(DEPLOY / "grafana/dashboards/onestop.json")["panels"]
QUERIES = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{panel["title"]: "\n".join(each["expr"] for each in panel["targets"]) for panel in PANELS},
}


def metrics() -> set[str]:
    """The names of all samples that the service gives, also of those that nothing was counted for yet."""
    served = Metrics()
    # It is there where a database archives.
    served.backup_lag(0.0)
    kinds = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    found = re.findall(r"^# TYPE (\w+) (\w+)$", served.render().decode(), re.MULTILINE)
    samples = {name.removesuffix(suffix) + suffix for name, kind in found for suffix in kinds[kind]}
    # When a series began is nothing that anybody asks for.
    return {name for name in samples if not name.endswith("_created")}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)


def test_promtool_finds_no_mistake_in_the_rules() -> None:
    said = promtool("check", "rules", PROMETHEUS / "alerts.yml")
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len(RULES)} rules found" in said.stdout


def test_promtool_finds_no_mistake_in_the_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(PROMETHEUS / name, tmp_path)
    (tmp_path / "ops.key").write_text("onestop_00000000_x")
    said = promtool("check", "config", tmp_path / "prometheus.yml")
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_rules_pass_their_tests() -> None:
    said = promtool("test", "rules", PROMETHEUS / "alerts.test.yml")
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_alert_is_tested_speaking_and_silent() -> None:
    speaks: set[str] = set()
    is_silent: set[str] = set()
    for test in document(PROMETHEUS / "alerts.test.yml")["tests"]:
        for each in test["alert_rule_test"]:
            (speaks if each["exp_alerts"] else is_silent).add(each["alertname"])
    assert speaks == is_silent == set(NAMES)


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert sorted(NAMES) == sorted(path.stem for path in RUNBOOKS.glob("Onestop*.md"))
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{rule['alert']}.md"
        text = (ROOT / rule["annotations"]["runbook"]).read_text("utf-8")
        assert text.startswith(f"# {rule['alert']}\n")
        for part in ("**At the window.**", "**Look here.**", "**Do this.**", "**It is over**"):
            assert part in text, f"{rule['alert']}: {part}"


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_how_bad_it_is_and_how_much(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule.get("for", "0s") in ("0s", "30s", "1m")
    assert re.search(r"\$value|\d", rule["annotations"]["summary"])


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_metric_that_is_asked_for_exists(query: str) -> None:
    asked = set(re.findall(r"\bonestop_\w+", query))
    assert asked or "up{" in query
    assert asked <= metrics()


def test_a_metric_that_does_not_exist_is_found() -> None:
    assert {"onestop_requests", "onestop_settled_total", "onestop_request_seconds"}.isdisjoint(metrics())


def test_runbooks_ask_for_metrics_that_exist() -> None:
    for path in RUNBOOKS.glob("*.md"):
        assert set(re.findall(r"\bonestop_\w+", path.read_text("utf-8"))) <= metrics(), path.name


def test_the_dashboard_shows_every_metric() -> None:
    shown = set(re.findall(r"\bonestop_\w+", "\n".join(QUERIES.values())))
    of_a_kind = {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics()}
    assert of_a_kind == {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_the_dashboard_asks_the_source_that_is_provisioned() -> None:
    (source,) = document(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    (variable,) = document(DEPLOY / "grafana/dashboards/onestop.json")["templating"]["list"]
    assert (variable["query"], variable["current"]["value"]) == (source["type"], source["uid"])
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${source}"}
