"""What a lane does to a decision: rules that name lanes, and the kind a lane stands for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from masterplan.catalog import Catalog, Prices
from masterplan.core.task import Kind, Task
from masterplan.policy import Found, lint, parse_policy, render_policy
from masterplan.routing import Router
from masterplan.routing.profile import kind_of_lane, profile

CATALOG = Catalog.load()
PRICES = Prices.load(as_of=datetime(2026, 11, 22, tzinfo=UTC))
BASE = render_policy(Found(keys=frozenset({"anthropic", "google"})))
SONNET = "anthropic/claude-sonnet-4-6"


def decided(rule: str, lane: str) -> str:
    policy = parse_policy(f'{BASE}\n[[rules]]\nwhen = {{ {rule} }}\nuse = "{SONNET}"\n')
    found = Router(policy, CATALOG, PRICES).route(Task("Do it", kind="codegen", lane=lane))
    return "rule" if any("rule 2 " in reason for reason in found.reasons) else "role"


@pytest.mark.parametrize(
    ("rule", "lane", "origin"),
    [
        ('lane = "subagent"', "subagent:reviewer", "rule"),
        ('lane = "subagent"', "subagent", "rule"),
        ('lane = "subagent:reviewer"', "subagent:reviewer", "rule"),
        ('lane = ["plan", "subagent"]', "subagent:x:y", "rule"),
        ('lane = "subagent:reviewer"', "subagent:builder", "role"),
        ('lane = "subagent:reviewer"', "subagent", "role"),
        ('lane = "subagent:reviewer"', "subagent:reviewer2", "role"),
        ('lane = "subagent"', "main", "role"),
        ('lane = "main"', "subagent:main", "role"),
    ],
)
def test_rule_when_it_names_a_lane_then_holds_for_it_and_its_agents(
    rule: str, lane: str, origin: str
) -> None:
    assert decided(rule, lane) == origin


@pytest.mark.parametrize(
    ("first", "second", "is_dead"),
    [
        ('lane = "subagent"', 'lane = "subagent:reviewer"', True),
        ('lane = "subagent"', 'lane = ["subagent", "subagent:x"]', True),
        ('lane = "subagent:reviewer"', 'lane = "subagent"', False),
        ('lane = "subagent"', 'lane = ["subagent:x", "plan"]', False),
        ('lane = "subagent"', 'kind = "docs"', False),
        ('kind = "docs"', 'kind = "docs", lane = "subagent:x"', True),
    ],
)
def test_lint_when_a_rule_covers_another_then_agents_count_as_their_lane(
    first: str, second: str, is_dead: bool
) -> None:
    rules = "".join(
        f'[[rules]]\nwhen = {{ {when} }}\nuse = "{SONNET}"\n' for when in (first, second)
    )
    found = {problem.code for problem in lint(parse_policy(f"{BASE}\n{rules}"), CATALOG)}
    assert ("lint.dead_rule" in found) is is_dead


@pytest.mark.parametrize(
    ("lane", "kind"),
    [
        ("main", None),
        ("plan", "planning"),
        ("build", "codegen"),
        ("compaction", "compaction"),
        ("auxiliary", "auxiliary"),
        ("subagent", "codegen"),
        ("subagent:custom", "codegen"),
        ("subagent:Explore", "research"),
        ("subagent:researcher", "research"),
        ("subagent:codebase_investigator", "research"),
        ("subagent:Plan", "planning"),
        ("subagent:planner", "planning"),
        ("subagent:reviewer", "review"),
        ("subagent:code-review", "review"),
        ("subagent:debugger", "debugging"),
        ("subagent:frontend-builder", "frontend"),
        ("subagent:builder", "codegen"),
        ("plan:reviewer", "planning"),
        ("nothing", None),
    ],
)
def test_kind_when_a_lane_stands_for_one_then_it_is_that(lane: str, kind: Kind | None) -> None:
    assert kind_of_lane(lane) == kind
    if kind is not None:
        signal = profile(Task("Find the race condition", lane=lane)).signals[0]
        assert (signal.what, signal.source) == (f"kind {kind}", "protocol")


def test_kind_when_stated_then_the_lane_does_not_matter() -> None:
    assert profile(Task("x", kind="docs", lane="subagent:reviewer")).kind == "docs"
