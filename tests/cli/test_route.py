"""``masterplan route``: the JSON a program reads, the words a person reads, and wrong input."""

import io
import sys
from pathlib import Path

import pytest
from cli_case import Run


def test_route_when_json_then_at_least_what_is_promised(run: Run, home: Path) -> None:
    Path("p.toml").write_text(POLICY)
    told = run("route", "Build a React login form", "--policy", "p.toml", "--json").json
    assert told["model"] == "google/gemini-3.1-pro"
    assert (told["role"], told["kind"]) == ("builder", "frontend")
    assert 0 < told["complexity"] < 1
    assert told["expected_cost_usd"] == told["expected_cost_nano"] / 1e9 > 0
    assert any("rule 1" in reason for reason in told["reasons"])
    assert {"model", "reason", "expected_cost_usd"} <= set(told["alternatives"][0])
    assert run("route", "Build a React login form", "--policy", "p.toml", "--json").json == told


POLICY = """
[models]
opus = "anthropic/claude-opus-4-6"
gemini = "google/gemini-3.1-pro"
haiku = "anthropic/claude-haiku-4-5"
[roles.planner]
ladder = ["opus"]
[roles.builder]
ladder = ["haiku", "gemini", "opus"]
[[rules]]
when = { kind = "frontend" }
use = "gemini"
"""


def test_route_when_for_people_then_the_choice_and_its_reasons(run: Run) -> None:
    lines = run("route", "Plan the migration").out.splitlines()
    assert " as planner: planning" in lines[0]
    assert any(line.startswith("  because ") for line in lines)


def test_route_when_facts_are_stated_then_they_hold(run: Run) -> None:
    Path("p.toml").write_text(POLICY)
    told = run(
        "route", "x", "--policy", "p.toml", "--kind", "docs", "--complexity", "0.25",
        "--need", "vision", "--input-tokens", "100", "--output-tokens", "50", "--json",
    ).json  # fmt: skip
    assert (told["kind"], told["complexity"], told["needs"]) == ("docs", 0.25, ["vision"])
    assert (told["input_tokens"], told["output_tokens"]) == (100, 50)


def test_route_when_below_a_floor_then_refused_and_overridden_only_with_a_reason(run: Run) -> None:
    Path("p.toml").write_text(POLICY)
    args = ("route", "Plan it", "--policy", "p.toml", "--model", "haiku")
    refused = run(*args, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "guard.floor")
    told = run(*args, "--override", "only a sketch", "--json").json
    assert "only a sketch" in told["overrides"][0]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_route_when_empty_then_one_error(run: Run, text: str) -> None:
    said = run("route", text)
    assert said.code == 2
    assert "route.empty" in said.err


def test_route_when_from_stdin_then_read_and_bounded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def feed(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    feed(b"Plan the migration \xff")
    assert run("route", "-", "--json").json["kind"] == "planning"
    feed(b"x" * 1_000_001)
    said = run("route", "-").err
    assert "route.too_long" in said
    assert "--input-tokens" in said


def test_route_when_the_text_holds_escapes_then_none_reaches_the_terminal(run: Run) -> None:
    said = run("route", "fix \x1b]52;c;aGk=\x07 bug", "--model", "\x1b[2Jevil")
    assert "\x1b" not in said.out + said.err


def test_route_when_the_repositorys_policy_is_not_trusted_then_ignored_with_one_line(
    run: Run,
) -> None:
    Path("masterplan.toml").write_text(POLICY + '[providers.anthropic]\ndialect="anthropic"\n')
    said = run("route", "Plan it", "--json")
    assert said.json["policy"] == "the built-in policy"
    assert said.err.count("\n") == 1
    assert "masterplan trust" in said.err
