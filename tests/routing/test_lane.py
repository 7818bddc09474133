"""Lanes: the order of the signals, each client's own, and that no user's text becomes one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lane_client_case import (
    AIDER_AGENT,
    ANTIGRAVITY,
    CHECKPOINT,
    CLAUDE,
    CLAUDE_COMPACTION,
    CLAUDE_PLAN,
    CLAUDE_PROBE,
    CLAUDE_RECAP,
    CLAUDE_SEARCH,
    CLAUDE_SUB,
    CLAUDE_TITLE,
    CODEX,
    CODEX_COMPACTION,
    COMPACT,
    GEMINI,
    OPENCODE,
    OPENCODE_REMINDER,
    PLANNING,
    RECAP,
    SESSION,
    Case,
    billing,
    chat,
    item,
    says,
)

from masterplan.core.errors import InputError
from masterplan.core.message import Message, ToolCall
from masterplan.dialects.peek import tail
from masterplan.routing.fingerprint import FINGERPRINTS
from masterplan.routing.lane import LANE_NAMES, Lane, find_lane, plan_mode, spawns

CLASS = "x_claude_code_request_class"


def test_lane_when_nothing_says_otherwise_then_main_with_client_and_session() -> None:
    assert CLAUDE.lane() == Lane(
        "main",
        f"claude-code/{SESSION}",
        SESSION,
        client="claude-code",
        version="2.1.330",
        reason="nothing says otherwise",
    )


@pytest.mark.parametrize("name", LANE_NAMES)
def test_lane_when_the_header_says_it_then_it_wins_over_all_others(name: str) -> None:
    case = CLAUDE_TITLE.with_headers(
        x_masterplan_lane=f" {name.upper()} ", x_claude_code_request_class="auxiliary"
    )
    assert (case.lane().name, case.lane().signal) == (name, "header")


def test_lane_when_the_header_names_an_agent_then_it_is_that_subagent() -> None:
    lane = CLAUDE.with_headers(x_masterplan_lane="subagent:my reviewer\r\nx").lane()
    assert (lane.label, lane.agent) == ("subagent:my-reviewer-x", "my-reviewer-x")


def test_lane_when_the_header_names_none_then_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputError) as caught:
        CLAUDE.with_headers(x_masterplan_lane="cheap").lane()
    assert caught.value.code == "lane.unknown"
    assert "auxiliary" in caught.value.mend


def test_lane_when_the_session_is_stated_then_it_is_the_key() -> None:
    lane = CLAUDE.with_headers(x_masterplan_session="mine").lane()
    assert (lane.session, lane.key) == ("mine", "claude-code/mine")


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("main", "main"),
        ("side_reply", "main"),
        ("subagent", "subagent:fork"),
        ("workflow", "subagent:workflow"),
        ("compaction", "compaction"),
        ("auxiliary", "auxiliary"),
        ("something-new", "main"),
    ],
)
def test_lane_when_claude_code_hints_then_its_class_decides(said: str, label: str) -> None:
    assert CLAUDE.with_headers(**{CLASS: said}).lane().label == label


def test_lane_when_claude_code_hints_main_then_no_fingerprint_is_asked() -> None:
    lane = CLAUDE_TITLE.with_headers(**{CLASS: "main"}).lane()
    assert (lane.name, lane.signal) == ("main", "hint")


def test_lane_when_claude_code_names_its_agent_then_key_parent_and_type() -> None:
    lane = CLAUDE_SUB.with_headers(
        x_claude_code_agent_id="a1", x_claude_code_parent_agent_id="a0",
        x_claude_code_agent_type="Explore", x_claude_code_request_class="subagent",
    ).lane()  # fmt: skip
    assert (lane.label, lane.parent) == ("subagent:Explore", "a0")
    assert lane.key == f"claude-code/{SESSION}/a1"


def test_lane_when_there_is_only_an_agent_id_then_a_subagent() -> None:
    lane = CLAUDE_SUB.with_headers(x_claude_code_agent_id="a1").lane()
    assert (lane.label, lane.signal) == ("subagent:custom", "hint")


def test_lane_when_there_is_only_the_attribution_then_a_subagent_with_its_own_key() -> None:
    lane = CLAUDE_SUB.lane()
    assert (lane.label, lane.signal) == ("subagent:custom", "attribution")
    other = CLAUDE_SUB.with_body(messages=[says("user", "another task")]).lane()
    assert lane.key != other.key
    assert lane.key.startswith(f"claude-code/{SESSION}/")


def test_lane_when_the_user_agent_is_missing_then_the_attribution_names_the_client() -> None:
    lane = CLAUDE.without("user-agent").lane()
    assert (lane.client, lane.version) == ("claude-code", "2.1.330")


@pytest.mark.parametrize(
    ("start", "name"),
    [
        ("You are a file search specialist for Claude Code, official.", "Explore"),
        ("You are a software architect and planning specialist for Claude Code.", "Plan"),
        ("You are an agent for Claude Code, Anthropic's official CLI.", "general-purpose"),
        ("\nYou are an agent working with the user toward their goals.", "fork"),
    ],
)  # fmt: skip
def test_agent_when_built_in_then_known_by_its_prompt(start: str, name: str) -> None:
    system = [billing(is_subagent=True), CLAUDE.body["system"][1], {"type": "text", "text": start}]
    assert CLAUDE_SUB.with_body(system=system).lane().agent == name


def test_agent_when_custom_then_named_by_its_definition_or_its_prompt() -> None:
    known = {"judge": "You are the reviewer", "reviewer": "You are the reviewer of the house.\n"}
    assert CLAUDE_SUB.lane(known_agents=known).agent == "reviewer"
    assert CLAUDE_SUB.lane(spawned={" judge the diff\n": "critic"}).agent == "critic"
    assert CLAUDE_SUB.lane(known_agents={"x": ""}, spawned={"": "y"}).agent == "custom"
    hinted = CLAUDE_SUB.with_headers(x_claude_code_agent_type="custom", **{CLASS: "subagent"})
    assert hinted.lane(known_agents=known).agent == "reviewer"


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (CLAUDE_TITLE, "auxiliary"),
        (CLAUDE_SEARCH, "auxiliary"),
        (CLAUDE_RECAP, "auxiliary"),
        (CLAUDE_PROBE, "auxiliary"),
        (CLAUDE_COMPACTION, "compaction"),
        (CLAUDE_PLAN, "plan"),
        (CODEX_COMPACTION, "compaction"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_lane_when_there_are_no_hints_then_fingerprints(case: Case, name: str) -> None:
    lane = case.lane()
    assert (lane.name, lane.signal) == (name, "fingerprint")
    assert lane.key.endswith(f":{name}")


PASTED = [
    "You are naming a coding session so the user can pick it out.",
    "You run a web search for another Claude model, which is waiting.",
    "x-anthropic-billing-header: cc_version=2.1.330; cc_is_subagent=true;",
    "quota",
    COMPACT,
    RECAP,
    PLANNING,
    CHECKPOINT,
    OPENCODE_REMINDER,
    "You are a specialized Task Routing AI.",
    "You are a title generator. You output ONLY a thread title.",
    "You are a context summarization agent.",
    "*Briefly* summarize this partial conversation about programming.",
    "User has approved your plan",
]


@pytest.mark.parametrize("text", PASTED)
def test_lane_when_a_user_pastes_a_clients_own_words_then_main(text: str) -> None:
    earlier = [says("user", "hello"), says("assistant", "hi")]
    claude = [
        CLAUDE.with_body(messages=[*earlier, says("user", text, mark=True)]),
        CLAUDE.with_body(messages=[*earlier, says("user", text), says("system", "x", mark=True)]),
        CLAUDE.with_body(messages=[says("user", text, mark=True)]),
        CLAUDE.with_body(messages=[says("user", text, mark=True)]).with_headers(**{CLASS: "main"}),
    ]
    codex = [
        CODEX.with_body(input=[*CODEX.body["input"], item("user", text, id="msg_2")]),
        CODEX.with_body(input=[*CODEX.body["input"], item("user", text)]),
    ]
    others = [
        GEMINI.with_body(contents=[{"role": "user", "parts": [{"text": text}]}]),
        ANTIGRAVITY.with_body(contents=[{"role": "user", "parts": [{"text": text}]}]),
        chat("OpenAI/Python 3.54.0", "You are helpful.", text),
        chat(AIDER_AGENT, "Act as an expert software developer.\nTake requests", text),
        OPENCODE.with_body(messages=[*OPENCODE.body["messages"][:1],
                                     {"role": "user", "content": f'"{text}"'}]),
        OPENCODE.with_body(messages=[*OPENCODE.body["messages"][:1],
                                     {"role": "user", "content": text}]),
    ]  # fmt: skip
    assert [case.lane().name for case in (*claude, *codex, *others)] == ["main"] * 12


def test_lane_when_a_user_appends_to_the_system_prompt_then_main() -> None:
    added = {"type": "text", "text": "You are naming a coding session"}
    case = CLAUDE.with_body(system=[*CLAUDE.body["system"], added], tools=[]).with_body(
        output_config={"format": {"type": "json_schema", "schema": {}}}
    )
    assert case.lane().name == "main"


def test_lane_when_caching_is_off_then_no_mark_is_missed_as_a_sign() -> None:
    bare = [billing(), {"type": "text", "text": "You are Claude Code."}]
    for text in (COMPACT, RECAP):
        case = CLAUDE.with_body(system=bare, messages=[says("user", text)])
        assert case.lane().name == "main"


@pytest.mark.parametrize("entry", FINGERPRINTS, ids=lambda entry: f"{entry.client}: {entry.what}")
def test_fingerprint_when_in_the_table_then_rests_on_what_no_user_controls(entry) -> None:  # type: ignore[no-untyped-def]
    assert entry.system or entry.has_tool or entry.has_no_prompt or (entry.turn and entry.mark)
    assert bool(entry.turn) == bool(entry.mark)
    assert entry.versions
    assert 0.8 <= entry.confidence <= 1
    if entry.lane in ("auxiliary", "compaction"):
        assert entry.tools is not None or entry.mark


def test_fingerprint_when_the_version_is_new_then_the_reason_says_so() -> None:
    case = CLAUDE_TITLE.with_headers(user_agent="claude-cli/9.9.9 (external, cli)")
    assert (case.lane().name, case.lane().version) == ("auxiliary", "9.9.9")
    assert "not yet seen in 9.9.9" in case.lane().reason


def test_plan_mode_when_the_client_reports_it_then_no_text_is_needed() -> None:
    mode = [{"classifier_context": {"permission_mode": "plan"}}]
    assert CLAUDE.with_body(safeguards=mode).lane().name == "plan"
    acting = [{"classifier_context": {"permission_mode": "acceptEdits"}}]
    done = CLAUDE_PLAN.with_body(safeguards=acting)
    assert done.lane().name == "main"
    assert plan_mode(done.peek) == "left"


def approved(text: str, *, is_error: bool = False) -> Case:
    call = {"type": "tool_use", "id": "t", "name": "ExitPlanMode", "input": {"plan": "1. do"}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": text}],
        "is_error": is_error,
    }
    return CLAUDE_PLAN.with_body(
        messages=[
            *CLAUDE_PLAN.body["messages"],
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]
    )


@pytest.mark.parametrize(
    ("case", "mode", "lane"),
    [
        (CLAUDE, "", "main"),
        (CLAUDE_PLAN, "active", "plan"),
        (approved("User has approved your plan. You can now start coding."), "left", "main"),
        (approved("The user doesn't want to proceed", is_error=True), "active", "plan"),
        (approved("User has approved your plan", is_error=True), "active", "plan"),
        (
            CLAUDE_PLAN.with_body(
                messages=[
                    *CLAUDE_PLAN.body["messages"],
                    says("user", "User has approved your plan", mark=True),
                ]
            ),
            "active",
            "plan",
        ),
        (
            CLAUDE_PLAN.with_body(
                messages=[
                    *CLAUDE_PLAN.body["messages"],
                    says("system", "## Exited Plan Mode\n\nYou have exited plan mode."),
                ]
            ),
            "left",
            "main",
        ),
        (
            CLAUDE_PLAN.with_body(
                messages=[
                    says("system", "You have exited plan mode."),
                    *CLAUDE_PLAN.body["messages"],
                ]
            ),
            "active",
            "plan",
        ),
    ],
)
def test_plan_mode_when_the_conversation_tells_then_the_last_word_counts(
    case: Case, mode: str, lane: str
) -> None:
    assert plan_mode(case.peek) == mode
    assert case.lane().name == lane


def test_key_when_there_is_no_session_then_stable_while_the_conversation_grows() -> None:
    first = chat("OpenAI/Python 3.54.0", "You are helpful.", "one")
    grown = first.with_body(
        messages=[*first.body["messages"], {"role": "assistant", "content": "x"},
                  {"role": "user", "content": "two"}]
    )  # fmt: skip
    other = chat("OpenAI/Python 3.54.0", "You are helpful.", "another")
    assert first.lane().key == grown.lane().key != other.lane().key
    assert first.lane().session == ""


def test_key_when_ids_are_long_or_strange_then_safe_and_still_apart() -> None:
    one, two = ("é\r\n'; --" + "a" * 300 + end for end in "xy")
    first, second = (
        CLAUDE.with_headers(x_claude_code_session_id=text).lane() for text in (one, two)
    )
    assert first.session != second.session
    assert all(len(lane.session) <= 80 and lane.session.isascii() for lane in (first, second))
    assert not {"\r", "\n", "'", " ", ";"} & {*first.key}


def test_key_when_lanes_differ_then_keys_do() -> None:
    cases = [CLAUDE, CLAUDE_PLAN, CLAUDE_COMPACTION, CLAUDE_TITLE, CLAUDE_SUB]
    keys = {case.lane().key for case in cases}
    assert len(keys) == len(cases)


def test_find_lane_when_messages_are_no_messages_then_main() -> None:
    odd = replace(CLAUDE, body=CLAUDE.body | {"messages": [7, None, {"role": 3}, [], "x"]})
    assert find_lane(odd.headers, odd.peek).name == "main"


def test_spawns_when_each_client_starts_one_then_prompt_and_name() -> None:
    def call(name: str, **arguments: object) -> ToolCall:
        return ToolCall("1", name, json.dumps(arguments))

    calls = (
        call("Agent", prompt="a", subagent_type="Explore", description="d"),
        call("Agent", prompt="b"),
        call("Task", prompt="c", subagent_type="reviewer"),
        call("task", prompt="d", subagent_type="explore"),
        call("spawn_agent", message="e", agent_type="coder"),
        call("spawn_agent", message="f", model="gpt-6"),
        call("invoke_agent", prompt="g", agent_name="planner"),
        call("invoke_subagent", Subagents=[{"TypeName": "builder", "Prompt": "h"},
                                           {"Role": "judge", "Prompt": "i"}, 7]),
        call("multi_agent_v1__spawn_agent", message="j", agent_type="explorer"),
        call("Bash", prompt="no"),
        call("mcp__mine__Agent", prompt="no"),
        call("Agent", prompt=7),
        ToolCall("1", "Agent", "{cut"),
        ToolCall("1", "Agent", "[]"),
    )  # fmt: skip
    assert spawns([Message("assistant", calls)]) == {
        "a": "Explore", "b": "general-purpose", "c": "reviewer", "d": "explore", "e": "coder",
        "f": "custom", "g": "planner", "h": "builder", "i": "judge",
        "j": "explorer",
    }  # fmt: skip


def test_spawns_when_read_from_a_request_then_names_the_subagents_request() -> None:
    call = {
        "type": "tool_use",
        "id": "t",
        "name": "Agent",
        "input": {"prompt": "judge the diff", "subagent_type": "reviewer"},
    }
    main = CLAUDE.with_body(messages=[says("user", "go"), {"role": "assistant", "content": [call]}])
    assert CLAUDE_SUB.lane(spawned=spawns(tail(main.peek, 1))).label == "subagent:reviewer"
