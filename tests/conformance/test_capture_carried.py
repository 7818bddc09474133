"""Requests of real clients, carried to every dialect: all that was said arrives, losses are known.

The captures lie beside the checkout, not in it: their texts are their vendors'.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from carry import DIALECTS
from wire_stream import SERVED

from masterplan.core.message import Request, Text, ToolCall, ToolResult
from masterplan.core.model import Dialect
from masterplan.dialects import codec
from masterplan.dialects.gate import refusal

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "captures"

KNOWN = {
    "built-in tool web_search",
    "cache breakpoint",
    "division of a tool result into texts",
    "effort none",
    "is_error",
    "parallel tool use",
    "reasoning (not possible with this request)",
    "reasoning_tokens",
    "schema keyword allOf",
    "schema keyword propertyNames",
    "system message inside the conversation",
    "thought signature",
    "top_k",
}
"""What a real client's request may lose by name; fields of one dialect alone come besides."""

FIELDS = {
    "anthropic": {
        "context_management",
        "defer_loading",
        "eager_input_streaming",
        "metadata",
        "output_config",
        "safeguards",
    },
    "openai_chat": set(),
    "openai_responses": {
        "client_metadata",
        "format",
        "prompt_cache_key",
        "reasoning",
        "verbosity",
    },
    "gemini": {"response_json_schema"},
}


def dialect_of(path: str) -> Dialect | None:
    ends: dict[str, Dialect] = {
        "/messages": "anthropic",
        "/chat/completions": "openai_chat",
        "/responses": "openai_responses",
    }
    found = next((dialect for end, dialect in ends.items() if path.endswith(end)), None)
    return "gemini" if "enerateContent" in path else found


def load() -> list[Any]:
    found = []
    for path in sorted(CAPTURES.glob("*/*.json")):
        capture = json.loads(path.read_text("utf-8"))
        dialect = dialect_of(capture.get("path") or "")
        if dialect and isinstance(capture.get("body"), dict):
            found.append(pytest.param(dialect, capture, id=f"{path.parent.name}/{path.stem}"))
    reason = "the captures are not beside this checkout"
    return found or [pytest.param("anthropic", {}, marks=pytest.mark.skip(reason=reason))]


def gist(request: Request) -> list[str]:
    """The texts, calls and results of a conversation, in order."""
    found: list[str] = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text) and part.text not in ("<system>", "</system>", ""):
                found.append(part.text)
            elif isinstance(part, ToolCall):
                arguments = json.dumps(json.loads(part.arguments), sort_keys=True)
                found.append(f"call {part.name} {arguments}")
            elif isinstance(part, ToolResult):
                texts = [inner.text for inner in part.parts if isinstance(inner, Text)]
                found.append("result " + "\n".join(texts))
    return found


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(("dialect", "capture"), load())
def test_capture_when_carried_then_all_that_was_said_arrives_and_losses_are_known(
    dialect: Dialect, capture: dict[str, Any], target: Dialect
) -> None:
    body = json.dumps(capture["body"]).encode()
    came = codec(dialect).parse_request(body, path=capture["path"])
    request = replace(came, model=SERVED[target])
    wire, losses = codec(target).write_request(request)
    again = codec(target).parse_request(wire.body, path=wire.path)
    assert sorted(gist(again)) == sorted(gist(came))
    names = [loss.what for loss in losses]
    assert len(set(names)) == len(names) <= 8, "the list of losses is too long to be read"
    own = {f"{field} (of {dialect})" for field in FIELDS[dialect]}
    assert set(names) <= KNOWN | own, set(names) - KNOWN - own
    offered = [tool for tool in came.tools if tool.parameters is not None]
    assert len(again.tools) == len(offered) or target == dialect
    assert (refusal(request, target) is None) or not offered
