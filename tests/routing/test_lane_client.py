"""Lanes of the other clients: Codex, Gemini CLI, opencode, aider, Antigravity, pi and the SDKs."""

from __future__ import annotations

import json

import pytest
from lane_client_case import (
    AIDER_AGENT,
    ANTIGRAVITY,
    CHECKPOINT,
    CODEX,
    GEMINI,
    OPENCODE,
    OPENCODE_REMINDER,
    Case,
    chat,
    gemini,
    item,
)


def turn_metadata(**said: str) -> str:
    return json.dumps({"session_id": "s-1", **said})


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        ({"x_openai_subagent": "collab_spawn"}, "subagent:custom"),
        ({"x_openai_subagent": "review"}, "subagent:review"),
        ({"x_openai_subagent": "compact"}, "compaction"),
        ({"x_openai_subagent": "memory_consolidation"}, "auxiliary"),
        ({"x_codex_turn_metadata": turn_metadata(request_kind="turn")}, "main"),
        ({"x_codex_turn_metadata": turn_metadata(request_kind="compaction")}, "compaction"),
        ({"x_codex_turn_metadata": turn_metadata(
            thread_source="subagent", subagent_kind="thread_spawn", agent_role="coder")},
         "subagent:coder"),
        ({"x_codex_turn_metadata": '{"request_kind":"compaction", cut'}, "main"),
        ({"x_codex_turn_metadata": "[" * 100_000}, "main"),
    ],
)  # fmt: skip
def test_lane_when_codex_hints_then_its_word(headers: dict[str, str], label: str) -> None:
    assert CODEX.with_headers(**headers).lane().label == label


def test_lane_when_codex_repeats_its_hints_in_the_body_then_they_count() -> None:
    case = CODEX.with_body(client_metadata={"x-openai-subagent": "review", "thread_id": "t-2"})
    assert case.without("thread-id").lane().key == "codex/s-1/t-2"
    assert case.lane().label == "subagent:review"


def test_lane_when_codex_spawns_then_thread_and_parent_are_its_own() -> None:
    lane = CODEX.with_headers(
        x_openai_subagent="collab_spawn", thread_id="t-2", x_codex_parent_thread_id="s-1"
    ).lane(spawned={"fix the parser": "coder"})
    assert (lane.label, lane.key, lane.parent) == ("subagent:coder", "codex/s-1/t-2", "s-1")


def test_lane_when_codex_keeps_its_tools_in_the_input_then_a_paste_is_no_compaction() -> None:
    pasted = CODEX.with_body(tools=[], input=[*CODEX.body["input"],
                                              item("user", CHECKPOINT, id="msg_2")])  # fmt: skip
    assert pasted.lane().name == "main"


@pytest.mark.parametrize(
    ("case", "label"),
    [
        (GEMINI, "main"),
        (gemini("\nYou are a specialized Task Routing AI. Score.", schema=True), "auxiliary"),
        (gemini("You are a specialized Task Routing AI. Score.", "read_file", schema=True), "main"),
        (gemini("You are a diagnostic agent that determines whether a conversational AI assistant "
                "is stuck", schema=True), "auxiliary"),
        (gemini("You are a specialized system component responsible for distilling chat history "
                "into XML"), "compaction"),
        (gemini("You are the planner.", "read_file", "complete_task"), "subagent:custom"),
        (gemini("You are **Codebase Investigator**, expert", "complete_task"),
         "subagent:codebase_investigator"),
        (gemini("You are Gemini CLI, in **YOLO** mode", "complete_task"), "subagent:generalist"),
        (gemini("x", "complete_task", "invoke_agent"), "main"),
        (gemini("You are Gemini CLI, currently operating in **Plan** mode.", "exit_plan_mode"),
         "plan"),
        (gemini("You are Gemini CLI, in **Default** mode." + " " * 500 +
                "operating in **Plan** mode", "exit_plan_mode"), "main"),
    ],
)  # fmt: skip
def test_lane_when_gemini_cli_then_by_prompt_and_tools(case: Case, label: str) -> None:
    assert case.lane().label == label
    assert case.lane().version == "0.61.0"


def test_agent_when_gemini_wraps_the_prompt_then_found_in_it() -> None:
    text = "Your task is\n<objective>\nlook here\n</objective>"
    case = gemini("You are **Odd**", "complete_task").with_body(
        contents=[{"role": "user", "parts": [{"text": text}]}]
    )
    assert case.lane(spawned={"look here": "looker"}).agent == "looker"


def test_lane_when_opencode_has_a_parent_then_a_subagent_of_that_session() -> None:
    system = {"role": "system", "content": "You are the reviewer.\nYou are powered by x"}
    case = OPENCODE.with_body(messages=[system, {"role": "user", "content": "judge"}]).with_headers(
        x_parent_session_id="ses_main", x_session_id="ses_child"
    )
    lane = case.lane(known_agents={"reviewer": "You are the reviewer."})
    assert (lane.label, lane.session, lane.parent) == ("subagent:reviewer", "ses_main", "ses_main")
    assert lane.key == "opencode/ses_main/ses_child"


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("You are a title generator. You output ONLY a thread title.", "auxiliary"),
        ("You are a context summarization agent. You are given", "compaction"),
        ("You are opencode", "main"),
    ],
)
def test_lane_when_opencode_has_no_tools_then_by_its_prompt(system: str, name: str) -> None:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "x"}]
    assert OPENCODE.with_body(messages=messages, tools=[]).lane().name == name


def test_lane_when_opencode_plans_then_its_reminder_stands_behind_the_users_words() -> None:
    texts = ('"plan"', OPENCODE_REMINDER)
    asked = {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}
    answered = {"role": "assistant", "content": "reading"}
    planning = [OPENCODE.body["messages"][0], asked, answered]
    assert OPENCODE.with_body(messages=planning).lane().name == "plan"
    built = [*planning, {"role": "user", "content": '"build it"'}]
    assert OPENCODE.with_body(messages=built).lane().name == "main"


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("Act as an expert software developer.\nTake requests for changes", "main"),
        ("Act as an expert architect engineer and provide direction to your editor engineer.\n",
         "plan"),
        ("Act as an expert software developer and make changes to source code.\n", "build"),
        ("Act as an expert software developer who edits source code.\n", "build"),
        ("You are an expert software engineer that generates concise, one-line Git commit messages",
         "auxiliary"),
        ("*Briefly* summarize this partial conversation about programming.\nInclude", "compaction"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("agent", [AIDER_AGENT, "litellm/1.81.10"])
def test_lane_when_aider_then_by_its_prompt(agent: str, system: str, name: str) -> None:
    lane = chat(agent, system).lane()
    assert (lane.name, lane.client) == (name, "aider")


def test_lane_when_antigravity_then_subagents_are_known_by_how_they_begin() -> None:
    assert ANTIGRAVITY.lane().label == "main"
    assert ANTIGRAVITY.lane().key == "antigravity-sdk/a-1"
    sub = ANTIGRAVITY.with_body(
        sessionId="a-2", systemInstruction={"parts": [{"text": "You build. Always."}]}
    )
    assert sub.lane(known_agents={"builder": "You build."}).label == "subagent:builder"
    assert sub.lane(spawned={"build the shop": "builder"}).label == "subagent:builder"
    assert sub.lane().label == "main"


@pytest.mark.parametrize(
    ("agent", "client", "version"),
    [
        ("Anthropic/Python 2.12.0", "anthropic-sdk", "2.12.0"),
        ("OpenAI/JS 6.26.0", "openai-sdk", "6.26.0"),
        ("google-genai-sdk/3.4.0+afc gl-python/3.11.7", "genai-sdk", "3.4.0"),
        ("curl/8", "", ""),
        ("", "", ""),
    ],
)
def test_client_when_an_sdk_then_main_and_recorded(agent: str, client: str, version: str) -> None:
    lane = chat(agent, "You are helpful.").lane()
    assert (lane.name, lane.client, lane.version) == ("main", client, version)


def test_client_when_pi_then_known_by_its_prompt() -> None:
    prompt = "You are an expert coding assistant operating inside pi, a coding agent harness."
    assert chat("OpenAI/JS 6.26.0", prompt).lane().client == "pi"
