"""What is written about metrics is true: the list of names, and the names alert rules ask for."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from resilience.errors import CATALOGUE
from resilience.metrics.declare import declared
from resilience.metrics.tables import table_gauges
from resilience.watching import readiness
from tests.watching.catalogue import PAGE, ROOT, declarations, table, written

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
WORDS = {"sum", "rate", "by", "le", "histogram_quantile", "increase", "max", "min", "and", "on", "or", "offset", "up"}


def test_the_page_lists_every_metric() -> None:
    assert written() == table(), "run `python -m tests.watching.catalogue`"


def test_what_this_process_counts_is_found_in_the_sources() -> None:
    ours = {name for name in (*declared, *table_gauges) if not name.startswith(("holdfast_unit_", "holdfast_test_"))}
    assert ours <= {each.name for each in declarations()}
    assert len(ours) > 20


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_rules_ask_for_what_there_is(rule: dict[str, Any]) -> None:
    expression = str(rule["expr"])
    labels = {each.name: set(each.labels) for each in declarations()}
    names = set(re.findall(r"holdfast_[a-z0-9_]+", expression))
    assert names or "up{" in expression
    for name in names:
        assert re.sub(r"_(bucket|count|sum)$", "", name) in labels or name in labels, name
    for name, inside in re.findall(r"(holdfast_[a-z0-9_]+)\{([^}]*)\}", expression):
        known = labels[re.sub(r"_(bucket|count|sum)$", "", name) if name not in labels else name]
        assert set(re.findall(r"(\w+)\s*[=!]", inside)) <= known
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|holdfast_[a-z0-9_]+|by \([^)]*\)|\d+[smhd]', " ", expression)
    assert set(re.findall(r"[a-z_]+", bare)) <= WORDS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_rules_say_who_is_called_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "action"}


def test_rules_have_names_of_their_own_and_their_codes_exist() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    codes = {entry.code for entry in CATALOGUE}
    for pattern in re.findall(r'code=~?"([^"]*)"', ALERTS.read_text()):
        assert any(re.fullmatch(pattern, code) for code in codes), pattern


def test_the_scrape_piece_is_yaml_and_asks_for_our_address() -> None:
    [job] = yaml.safe_load((ROOT / "deploy" / "prometheus" / "scrape.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/metrics"


def test_the_page_lists_every_readiness_check() -> None:
    page = PAGE.read_text()
    assert set(readiness._CHECKS) <= set(re.findall(r"`([a-z0-9_]+)`", page.split("## Readiness")[1].split("## Counting")[0]))
