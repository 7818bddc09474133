"""The policy for what was found, its text, and what lint says of policies people regret."""

import itertools

import pytest

from masterplan.catalog import Catalog
from masterplan.policy import Found, Policy, Server, lint, parse_policy, render_policy

CATALOG = Catalog.load()
PROVIDERS = ("anthropic", "google", "openai", "openrouter")
OLLAMA = Server("ollama", "http://127.0.0.1:11434/v1", ("qwen3:32b", "qwen3:4b", "qwen3:8b"))


def models_of(policy: Policy, role: str) -> list[str]:
    return [rung.model for rung in policy.ladder(role)]  # type: ignore[arg-type]


def test_builtin_when_anthropic_and_google_then_as_designed() -> None:
    policy = Policy.builtin(Found(keys=frozenset({"anthropic", "google"})))
    assert models_of(policy, "planner") == ["anthropic/claude-opus-4-6"]
    assert models_of(policy, "debugger") == ["anthropic/claude-opus-4-6"]
    assert models_of(policy, "builder") == [
        "anthropic/claude-haiku-4-5",
        "google/gemini-3.1-pro",
        "anthropic/claude-opus-4-6",
    ]
    assert policy.rules[0].when.kind == ("frontend",)
    assert policy.rung(policy.rules[0].use[0]).model == "google/gemini-3.1-pro"
    assert policy.floor("architecture") == "anthropic/claude-opus-4-6"


@pytest.mark.parametrize(
    "keys", [c for n in range(1, 5) for c in itertools.combinations(PROVIDERS, n)], ids="+".join
)
def test_builtin_when_any_keys_then_only_their_models_and_no_warning(keys: tuple[str, ...]) -> None:
    policy = Policy.builtin(Found(keys=frozenset(keys), servers=(OLLAMA,)))
    used = {model for role in policy.roles for model in models_of(policy, role)}
    assert {model.partition("/")[0] for model in used} <= set(keys)
    assert lint(policy, CATALOG) == []
    assert models_of(policy, "planner")[0] == models_of(policy, "builder")[-1]


def test_builtin_when_only_a_server_then_its_largest_plans_and_its_smallest_builds() -> None:
    policy = Policy.builtin(Found(servers=(OLLAMA,)))
    assert models_of(policy, "planner") == ["ollama/qwen3:32b"]
    assert models_of(policy, "builder") == ["ollama/qwen3:4b", "ollama/qwen3:32b"]


def test_builtin_when_only_the_embedded_pair_then_the_large_plans_and_is_the_floor() -> None:
    policy = Policy.builtin(Found(embedded=("embedded/qwen2.5-coder-1.5b",)))
    assert models_of(policy, "planner") == ["embedded/qwen2.5-coder-1.5b"]
    assert models_of(policy, "debugger") == ["embedded/qwen2.5-coder-1.5b"]
    assert models_of(policy, "builder") == [
        "embedded/qwen2.5-coder-0.5b",
        "embedded/qwen2.5-coder-1.5b",
    ]
    assert policy.floor("planning") == "embedded/qwen2.5-coder-1.5b"


def test_render_when_names_are_odd_then_the_text_still_parses() -> None:
    odd = Server('a"b', "http://127.0.0.1:1/v1", ('m"\\x', "\u00fc:1b"))
    text = render_policy(Found(servers=(odd,)))
    assert models_of(parse_policy(text), "planner") == ['a"b/\u00fc:1b']


BASE = '[roles.planner]\nladder = ["claude-opus-4-6"]\n[budgets]\nrun = "$1"\n'
REGRETTED = {
    "lint.premium_everywhere": '[roles.builder]\nladder = ["claude-opus-4-6", "gpt-5.5"]',
    "lint.premium_role": '[roles.housekeeper]\nladder = ["claude-opus-4-6"]',
    "lint.no_floor": '[guards]\nfloor.architecture = "off"',
    "lint.no_handoff": '[guards]\nhandoff = "off"',
    "lint.no_premium_share": "[guards]\nmax_premium_share = 1",
    "lint.rule_below_floor": '[[rules]]\nwhen = {kind = "planning"}\nuse = "claude-haiku-4-5"',
    "lint.dead_rule": '[[rules]]\nwhen = {}\nuse = "gpt-5.4"\n'
    '[[rules]]\nwhen = {kind = "docs"}\nuse = "gpt-5.4"',
    "lint.ladder_down": '[roles.builder]\nladder = ["gemini-3.1-pro", "claude-haiku-4-5"]',
    "lint.one_rung": '[roles.builder]\nladder = ["gemini-3.1-pro"]',
    "lint.clear_key": '[providers.x]\ndialect = "gemini"\nbase_url = "http://x.example"\n'
    'key_env = "X_KEY"',
}


@pytest.mark.parametrize(("code", "text"), REGRETTED.items(), ids=REGRETTED.keys())
def test_lint_when_regretted_then_warns_with_a_mend(code: str, text: str) -> None:
    found = {problem.code: problem for problem in lint(parse_policy(BASE + text), CATALOG)}
    assert code in found
    assert found[code].where
    assert found[code].mend
    assert lint(parse_policy(BASE), CATALOG) == []


def test_lint_when_the_planner_is_weaker_than_a_builder_then_warns() -> None:
    text = (
        '[roles.planner]\nladder = ["claude-haiku-4-5"]\n'
        '[roles.builder]\nladder = ["claude-haiku-4-5", "claude-opus-4-6"]\n[budgets]\nrun = 1\n'
    )
    assert [p.code for p in lint(parse_policy(text), CATALOG)] == ["lint.weak_planner"]


def test_lint_when_budgets_are_the_wrong_way_round_or_missing_then_warns() -> None:
    order = '[roles.planner]\nladder = ["claude-opus-4-6"]\n[budgets]\nrun = 9\nday = 5\n'
    assert [p.code for p in lint(parse_policy(order), CATALOG)] == ["lint.budget_order"]
    assert [p.code for p in lint(parse_policy(order[:45]), CATALOG)] == ["lint.no_budget"]
