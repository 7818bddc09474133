"""Recorded requests of real clients: every one of them has its lane, with and without hints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from masterplan.core.errors import DialectError
from masterplan.core.model import Dialect
from masterplan.dialects import codec
from masterplan.dialects.peek import peek, tail
from masterplan.routing.lane import Lane, find_lane, spawns

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "captures"
NO_CALL = "no model call"
ABSENT = "the captures are not beside this checkout"

_TABLE = """
aider-0.86.2/01-simple                             main
aider-0.86.2/02-architect                          plan
aider-0.86.2/03-editor                             build
aider-0.86.2/04-commit-message                     auxiliary
aider-0.86.2/05-history-summary                    compaction
aider-0.86.2/06-anthropic                          main
claude-code-2.1.197/main                           main
claude-code-2.1.197/sub-builtin-Explore            subagent:Explore
claude-code-2.1.197/sub-custom-gemini              subagent:custom
claude-code-2.1.197/sub-custom-haiku               subagent:custom
claude-code-2.1.197/sub-custom-opus                subagent:custom
claude-code-2.1.330/01-main-simple                 main
claude-code-2.1.330/02-main-delegating             main
claude-code-2.1.330/03-sub-Explore                 subagent:Explore
claude-code-2.1.330/04-sub-Plan                    subagent:Plan
claude-code-2.1.330/05-sub-custom-opus             subagent:custom
claude-code-2.1.330/06-sub-custom-sonnet           subagent:custom
claude-code-2.1.330/07-sub-custom-haiku            subagent:custom
claude-code-2.1.330/08-sub-custom-inherit          subagent:custom
claude-code-2.1.330/09-sub-custom-gemini           subagent:custom
claude-code-2.1.330/10-sub-custom-gpt              subagent:custom
claude-code-2.1.330/11-sub-general-purpose         subagent:general-purpose
claude-code-2.1.330/12-sub-custom-gemini-turn2     subagent:custom
claude-code-2.1.330/13-main-after-subagents        main
claude-code-2.1.330/20-hints-main                  main
claude-code-2.1.330/21-hints-sub-Explore           subagent:Explore
claude-code-2.1.330/22-hints-sub-custom-opus       subagent:custom
claude-code-2.1.330/23-hints-nested-sub            subagent:general-purpose
claude-code-2.1.330/24-hints-fork                  subagent:fork
claude-code-2.1.330/25-hints-background-sub        subagent:custom
claude-code-2.1.330/26-hints-main-task-notification main
claude-code-2.1.330/27-hints-deferred-tools-loaded main
claude-code-2.1.330/28-hints-websearch-aux         auxiliary
claude-code-2.1.330/30-hints-compaction-auto       compaction
claude-code-2.1.330/31-hints-main-after-compaction main
claude-code-2.1.330/32-hints-compaction-manual     compaction
claude-code-2.1.330/33-hints-plan-mode             plan
claude-code-2.1.330/34-hints-opusplan-planning     plan
claude-code-2.1.330/35-hints-opusplan-executing    main
claude-code-2.1.330/36-hints-json-schema           main
claude-code-2.1.330/37-retry-after-529             main
claude-code-2.1.330/38-count-tokens                auxiliary
claude-code-2.1.330/40-env-default-opus-model      subagent:custom
claude-code-2.1.330/41-env-subagent-model          subagent:general-purpose
claude-code-2.1.330/42-env-subagent-model-force    subagent:custom
claude-code-2.1.330/43-custom-header-1m            main
claude-code-2.1.330/44-no-experimental-betas       main
claude-code-2.1.330/50-interactive-hello-probe     no model call
claude-code-2.1.330/51-interactive-title           auxiliary
claude-code-2.1.330/52-interactive-main            main
claude-code-2.1.330/53-interactive-recap           auxiliary
claude-code-2.1.330/54-gateway-model-discovery     no model call
claude-code-2.1.330/55-interactive-title-haiku-tier auxiliary
codex-0.169.0/01-main-simple                       main
codex-0.169.0/02-main-tool-result                  main
codex-0.169.0/03-sub-role-coder-gemini             subagent:custom
codex-0.169.0/04-sub-explorer                      subagent:custom
codex-0.169.0/05-sub-known-model-code-mode         subagent:custom
codex-0.169.0/06-main-after-spawn                  main
codex-0.169.0/07-compaction                        compaction
codex-0.169.0/08-main-after-compaction             main
codex-0.169.0/09-review                            subagent:review
gemini-cli-0.61.0/01-router-aux                    auxiliary
gemini-cli-0.61.0/02-main-simple                   main
gemini-cli-0.61.0/03-main-tool-result              main
gemini-cli-0.61.0/04-main-explicit-model           main
gemini-cli-0.61.0/05-sub-custom-planner            subagent:custom
gemini-cli-0.61.0/06-sub-codebase_investigator     subagent:codebase_investigator
gemini-cli-0.61.0/07-sub-generalist                subagent:generalist
gemini-cli-0.61.0/08-plan-mode                     plan
opencode-1.18.33/01-title                          auxiliary
opencode-1.18.33/02-main-simple                    main
opencode-1.18.33/03-main-tool-result               main
opencode-1.18.33/04-sub-explore                    subagent:explore
opencode-1.18.33/05-sub-reviewer                   subagent:custom
opencode-1.18.33/06-main-after-task                main
opencode-1.18.33/07-plan-agent                     plan
opencode-1.18.33/08-compaction                     compaction
opencode-1.18.33/09-after-compaction               main
opencode-1.18.33/10-anthropic-provider             main
pi-0.73.1/01-openai-completions                    main
pi-0.73.1/02-openai-responses                      main
pi-0.73.1/03-anthropic-messages                    main
pi-0.73.1/04-google-generative-ai                  main
pi-0.73.1/05-chat-tool-result                      main
pi-0.73.1/06-anthropic-tool-result                 main
pi-0.73.1/07-subagent-extension                    main
sdks/anthropic-count-tokens                        main
sdks/anthropic-stream                              main
sdks/genai-autotool                                main
sdks/genai-json                                    main
sdks/genai-stream                                  main
sdks/llm-schema                                    main
sdks/llm-tool                                      main
sdks/openai-chat-parse                             main
sdks/openai-responses-parse                        main
sdks/openai-responses-stream                       main
"""
TABLE = dict(line.split(maxsplit=1) for line in _TABLE.strip().splitlines())
CLIENTS = {
    "aider": ("aider", ""),
    "claude-code": ("claude-code", "own"),
    "codex": ("codex", "own"),
    "gemini-cli": ("gemini-cli", "own"),
    "opencode": ("opencode", "own"),
    "pi": ("pi", ""),
}
"""Who the folder's client is, and whether it tells its version."""

pytestmark = pytest.mark.skipif(not CAPTURES.is_dir(), reason=ABSENT)


def _load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text())
    return found


def _dialect(path: str) -> Dialect | None:
    if "/messages" in path:
        return "anthropic"
    if path.endswith("/chat/completions"):
        return "openai_chat"
    if path.endswith("/responses"):
        return "openai_responses"
    return "gemini" if "enerateContent" in path else None


def _lane(capture: dict[str, Any], *, drop: tuple[str, ...] = (), **more: Any) -> Lane | None:
    dialect = _dialect(capture["path"])
    if dialect is None or not isinstance(capture.get("body"), dict):
        return None
    headers = {name.lower(): value for name, value in capture["headers"]}
    kept = {name: value for name, value in headers.items() if name not in drop}
    body = json.dumps(capture["body"]).encode()
    return find_lane(kept, peek(dialect, body, path=capture["path"]), **more)


def test_table_when_compared_with_the_folder_then_no_capture_is_missing() -> None:
    there = {f"{path.parent.name}/{path.stem}" for path in CAPTURES.glob("*/*.json")}
    assert there == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_lane_when_a_real_client_asks_then_as_in_the_table(name: str) -> None:
    lane = _lane(_load(name))
    assert (NO_CALL if lane is None else lane.label) == TABLE[name]
    folder, _, version = name.partition("/")[0].rpartition("-")
    if lane is not None and folder in CLIENTS:
        client, told = CLIENTS[folder]
        assert (lane.client, lane.version) == (client, version if told else "")


HINTS = (
    "x-claude-code-request-class",
    "x-claude-code-agent-type",
    "x-claude-code-compaction",
    "x-claude-1p-request-class",
    "x-claude-code-prompt-id",
)
HINTED = [name for name in TABLE if name.startswith("claude-code-2.1.330/")]
UNSEEN = {"claude-code-2.1.330/38-count-tokens": "main"}
"""What only the hints tell: without them it is main, which is safe."""


@pytest.mark.parametrize("name", HINTED)
def test_lane_when_claude_code_gives_no_hints_then_the_same_lane(name: str) -> None:
    lane = _lane(_load(name), drop=HINTS)
    assert (NO_CALL if lane is None else lane.label) == UNSEEN.get(name, TABLE[name])


@pytest.mark.parametrize("name", [n for n in HINTED if TABLE[n].startswith("subagent")])
def test_lane_when_only_the_attribution_is_left_then_still_a_subagent(name: str) -> None:
    lane = _lane(_load(name), drop=(*HINTS, "x-claude-code-agent-id"))
    assert lane is not None
    assert (lane.label, lane.signal) == (TABLE[name], "attribution")


@pytest.mark.parametrize(
    ("parent", "children"),
    [
        (
            "claude-code-2.1.330/13-main-after-subagents",
            {
                "05-sub-custom-opus": "architect",
                "06-sub-custom-sonnet": "coder",
                "07-sub-custom-haiku": "scout",
                "08-sub-custom-inherit": "inheritor",
                "09-sub-custom-gemini": "gem",
                "12-sub-custom-gemini-turn2": "gem",
                "10-sub-custom-gpt": "gptx",
                "03-sub-Explore": "Explore",
            },
        ),
        (
            "opencode-1.18.33/06-main-after-task",
            {"05-sub-reviewer": "reviewer", "04-sub-explore": "explore"},
        ),
        (
            "codex-0.169.0/06-main-after-spawn",
            {"03-sub-role-coder-gemini": "coder", "04-sub-explorer": "explorer"},
        ),
    ],
)
def test_agent_when_the_main_agents_calls_are_remembered_then_named(
    parent: str, children: dict[str, str]
) -> None:
    capture = _load(parent)
    dialect = _dialect(capture["path"])
    assert dialect is not None
    try:
        codec(dialect)
    except DialectError:
        pytest.skip("this dialect cannot be spoken yet")
    seen = peek(dialect, json.dumps(capture["body"]).encode(), path=capture["path"])
    given = spawns(tail(seen, 0))
    folder = parent.partition("/")[0]
    lanes = {name: _lane(_load(f"{folder}/{name}"), spawned=given) for name in children}
    assert {name: lane and lane.agent for name, lane in lanes.items()} == children


def test_agent_when_definitions_are_known_then_named() -> None:
    known = {
        "reviewer": "You are the reviewer SYSPROMPT-MARK-reviewer.",
        "planner": "You are the planner SYSPROMPT-MARK-planner.",
        "coder": "You are the CODER role. ROLE-MARK-coder",
        "scout": "You are the scout specialist SYSPROMPT-MARK-scout. Do the task.",
    }
    captures = {
        "opencode-1.18.33/05-sub-reviewer": "reviewer",
        "gemini-cli-0.61.0/05-sub-custom-planner": "planner",
        "codex-0.169.0/03-sub-role-coder-gemini": "coder",
        "claude-code-2.1.197/sub-custom-haiku": "scout",
        "claude-code-2.1.330/25-hints-background-sub": "scout",
    }
    for name, agent in captures.items():
        lane = _lane(_load(name), known_agents=known)
        assert lane is not None
        assert lane.agent == agent


def test_key_when_turns_follow_each_other_then_one_lane() -> None:
    first, second = (
        _lane(_load(f"claude-code-2.1.330/{name}"))
        for name in ("09-sub-custom-gemini", "12-sub-custom-gemini-turn2")
    )
    assert first is not None
    assert second is not None
    assert first.key == second.key
