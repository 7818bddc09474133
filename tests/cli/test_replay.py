"""`masterplan replay`: exact decisions, estimated costs, unknown apart, the same bytes again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from books_case import BUILD, HAIKU, LOCAL, OPUS, PLAN, POLICY, Books, nano
from cli_case import Run

from masterplan.catalog import Catalog, Prices
from masterplan.core.decision import Decision
from masterplan.core.task import Task
from masterplan.core.usage import Usage
from masterplan.pipe import decision_json
from masterplan.policy import parse_policy
from masterplan.routing import Evidence, Router

BUILDING = Task("", kind="codegen", complexity=0.3, role="builder", lane="build", module="m")
OTHER = POLICY.replace('["haiku", "opus"]', '["opus"]')


def router(text: str = POLICY) -> Router:
    return Router(parse_policy(text), Catalog.load(), Prices.load())


def record(books: Books, decision: Decision, usage: Usage, module: str = "m", **more: str) -> str:
    return books.call(
        decision.model,
        usage,
        module,
        role=decision.role,
        kind=decision.profile.kind,
        decision_json=decision_json(decision),
        **more,
    )


def climbed(decision: Decision) -> Decision:
    failed = Evidence("code", "s", ("s",), tries_on_rung=9, handoff="it failed")
    above = router().next_rung(decision, failed)
    assert above is not None
    return above


@pytest.fixture
def worked(books: Books) -> Books:
    """Plan on the dear model; build a module on the cheap one, which climbs; one unknown cost."""
    books.run("r1", accepted=("m",))
    plan = router().route(Task("", kind="planning", role="planner", lane="plan"))
    start = router().route(BUILDING)
    assert (plan.model, start.model) == (OPUS, HAIKU)
    record(books, plan, PLAN, "", lane="plan")
    record(books, start, BUILD)
    record(books, climbed(start), BUILD)
    record(books, start, Usage(source="unknown"), "n")
    books.call(HAIKU, BUILD, "old")
    return books


def test_replay_when_the_policy_is_the_same_then_nothing_changes(worked: Books, run: Run) -> None:
    told = run("replay", "--policy", "p.toml", "--json").json
    assert (told["attempts"], told["changed"], told["diff"]) == (5, 0, [])
    assert told["actual"] == told["replayed"]
    assert told["counts"] == {
        "exact": 3, "climbed": 1, "pinned": 0, "refused": 0, "undecided": 1
    }  # fmt: skip
    assert told["paired"]["difference_nano"] == 0


def test_replay_when_another_policy_then_its_cost_is_estimated_and_unknown_stays_apart(
    worked: Books, run: Run
) -> None:
    Path("other.toml").write_text(OTHER)
    told = run("replay", "--policy", "other.toml", "--json").json
    assert told["changed"] == 2
    [known, unknown] = told["decisions"]
    assert (known["before"], known["after"], known["basis"]) == (HAIKU, OPUS, "exact")
    assert (known["cost_nano"], known["quality"]) == (nano(OPUS, BUILD), "estimated")
    assert (unknown["module"], unknown["cost_nano"], unknown["quality"]) == ("n", None, "unknown")
    assert told["replayed"] == {
        "reported_nano": nano(OPUS, PLAN) + nano(OPUS, BUILD) + nano(HAIKU, BUILD),
        "estimated_nano": nano(OPUS, BUILD),
        "unknown_count": 1,
    }
    assert told["paired"]["difference_nano"] == nano(HAIKU, BUILD) - nano(OPUS, BUILD)
    [line] = told["diff"]
    assert (line["role"], line["attempts"]) == ("builder", 2)


def test_replay_when_repeated_then_the_same_bytes(worked: Books, run: Run) -> None:
    Path("other.toml").write_text(OTHER)
    for words in (("--json",), (), ("--since", "2h", "--json"), ("--free",)):
        first = run("replay", "--policy", "other.toml", *words)
        worked.now += 86_400
        assert first.code == 0, first.err
        assert run("replay", "--policy", "other.toml", *words).out == first.out


def test_replay_when_the_caller_or_the_spec_chose_then_only_free_decides_anew(
    books: Books, run: Run
) -> None:
    record(books, router().route(replace(BUILDING, model=OPUS)), BUILD, "a")
    spec = replace(BUILDING, ladder=(HAIKU, OPUS), rung=1)
    record(books, router().route(spec), BUILD, "b")
    told = run("replay", "--policy", "p.toml", "--json").json
    assert (told["changed"], told["counts"]["pinned"]) == (0, 1)
    free = run("replay", "--policy", "p.toml", "--free", "--json").json
    assert {(one["before"], one["after"]) for one in free["diff"]} == {(OPUS, HAIKU)}


def test_replay_when_the_policy_lets_nobody_do_it_then_it_is_refused(
    books: Books, run: Run
) -> None:
    record(books, router().route(Task("", kind="planning", lane="plan")), PLAN, "", lane="plan")
    Path("low.toml").write_text(
        f'[roles.planner]\nladder = ["{HAIKU}"]\n[guards]\nfloor.planning = "{OPUS}"\n'
    )
    told = run("replay", "--policy", "low.toml", "--json").json
    assert told["counts"]["refused"] == 1
    [line] = told["diff"]
    assert line["after"] is None
    assert "no model of the policy may do this planning task" in line["reason"]
    assert told["replayed"]["unknown_count"] == 1
    assert "refused" in run("replay", "--policy", "low.toml").out


def test_replay_when_lanes_of_the_gateway_then_they_are_replayed_too(
    books: Books, run: Run
) -> None:
    lane = router().route(Task("", role="builder", input_tokens=40_000, lane="subagent:Build"))
    record(books, lane, BUILD, "", lane="subagent:Build", purpose="claude-code 2.1")
    rule = POLICY + '[[rules]]\nwhen = { lane = "subagent" }\nuse = "opus"\n'
    Path("rule.toml").write_text(rule)
    [line] = run("replay", "--policy", "rule.toml", "--json").json["diff"]
    assert (line["before"], line["after"]) == (lane.model, OPUS)


def test_replay_when_a_time_is_given_then_only_what_is_newer(books: Books, run: Run) -> None:
    start = router().route(BUILDING)
    record(books, start, BUILD)
    books.now += 7_200
    record(books, start, BUILD)
    count = [
        run("replay", "--policy", "p.toml", "--since", when, "--json").json["attempts"]
        for when in ("1h", "2h", "2026-03-01T13:00", "2026-02-01", "2026-03-01T12:00+00:00")
    ]
    assert count == [1, 2, 1, 2, 2]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--since", "soon"), "replay.bad_time"),
        (("--since", "9999999d"), "replay.bad_time"),
        (("--run", "r9"), "replay.no_run"),
        (("--policy", "none.toml"), "policy.unreadable"),
    ],
)
def test_replay_when_asked_badly_then_says_so(
    worked: Books, run: Run, words: tuple[str, ...], code: str
) -> None:
    said = run("replay", "--policy", "p.toml", *words, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == code


def test_replay_when_there_are_no_books_then_there_is_nothing(home: Path, run: Run) -> None:
    Path("p.toml").write_text(POLICY)
    assert run("replay", "--policy", "p.toml", "--json").json["attempts"] == 0
    assert "nothing to replay" in run("replay", "--policy", "p.toml").out


def test_replay_when_a_model_is_free_then_it_costs_nothing_and_says_estimated(
    books: Books, run: Run
) -> None:
    record(books, router().route(BUILDING), BUILD)
    Path("local.toml").write_text(POLICY.replace('["haiku", "opus"]', f'["{LOCAL}"]'))
    told = run("replay", "--policy", "local.toml", "--json").json
    assert [(one["cost_nano"], one["quality"]) for one in told["decisions"]] == [(0, "estimated")]
