"""Scraping, alerts and dashboard: valid, tested by promtool, about metrics that exist."""

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml  # type: ignore[import-untyped]  # stubs are not among the tools

from contract.drift import DRIFTED, INPUTS, UNKNOWN
from tests.required import installed
from tests.serving.live import ROOT, serving
from tests.serving.load import eventually

PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARD = ROOT / "deploy/grafana/serving.json"
DOCUMENTED = set(
    re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/metrics.md").read_text(), re.MULTILINE)
)
METRIC = r"\b(?:serving|process)_\w+"


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = installed("promtool", required_by="REQUIRE_PROMETHEUS")
    command = [program, *map(str, arguments)]
    return subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)


def expressions() -> list[str]:
    """Of all alerts and panels."""
    groups = yaml.safe_load((PROMETHEUS / "serving.rules.yml").read_text())["groups"]
    alerts = [rule["expr"] for group in groups for rule in group["rules"]]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return alerts + [target["expr"] for panel in panels for target in panel["targets"]]


def test_configuration_and_rules_are_valid() -> None:
    """By promtool; every alert fires on what it is for, and not before."""
    for command in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "serving.rules.yml"),
        ("test", "rules", "serving.rules.test.yml"),
    ):
        done = promtool(*command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test() -> None:
    """One that fires."""
    rules = yaml.safe_load((PROMETHEUS / "serving.rules.yml").read_text())["groups"]
    tests = yaml.safe_load((PROMETHEUS / "serving.rules.test.yml").read_text())["tests"]
    fired = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert fired == {rule["alert"] for group in rules for rule in group["rules"]}


def test_the_alert_of_drift_means_what_the_server_calls_drifted() -> None:
    """The same features, the same threshold."""
    (text,) = (one for one in expressions() if "feature=~" in one)
    names = re.findall(r'feature=~"([^"]+)"', text)[0].split("|")
    assert names == [*INPUTS, UNKNOWN]
    assert text.endswith(f"> {DRIFTED}")


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_names_metrics_that_exist(expression: str) -> None:
    """In docs/reference/metrics.md, which the code writes."""
    named = re.findall(METRIC, expression) or re.findall(r"\bup\b", expression)
    assert named
    for name in named:
        assert name == "up" or re.sub("_(bucket|sum|count)$", "", name) in DOCUMENTED


def test_the_expressions_of_panels_are_valid(tmp_path: Path) -> None:
    """Grafana's variables apart, Prometheus can read them."""
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(expressions())
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.soak
def test_prometheus_scrapes_a_server(tiny_model: Path, tmp_path: Path, free_port: int) -> None:
    """Debian's own, with the configuration as it stands but for the address and the interval."""
    program = installed("prometheus", required_by="REQUIRE_PROMETHEUS")
    shutil.copy(PROMETHEUS / "serving.rules.yml", tmp_path)
    with serving("--model", str(tiny_model), "--no-access-log") as server:
        text = (PROMETHEUS / "prometheus.yml").read_text().replace(": 15s", ": 1s")
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        (tmp_path / "prometheus.yml").write_text(text)
        command = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        command.append(f"--web.listen-address=127.0.0.1:{free_port}")
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: query(free_port, "up") == 1, "a scrape")
            eventually(lambda: query(free_port, "serving_ready_workers") == 1, "a metric")
            server.stop()
            down = 'ALERTS{alertname="ServerDown",alertstate="pending"}'
            eventually(lambda: query(free_port, down) == 1, "an alert that waits its minute")
        finally:
            process.terminate()
            process.wait(20)


def query(port: int, expression: str) -> float | None:
    """Give the first value of an expression; None: there is none, or no Prometheus yet."""
    address = f"http://127.0.0.1:{port}/api/v1/query?query={quote(expression)}"
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            found: list[Any] = json.load(reply)["data"]["result"]
    except OSError:
        return None
    return float(found[0]["value"][1]) if found else None
