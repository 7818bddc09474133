"""Every stop reason of every dialect, whole and streamed: only a true end is complete."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from dialect_case import DIALECTS, SAMPLE, stream_of

from masterplan.core.message import COMPLETE_STOPS, Stop, Text
from masterplan.core.model import Dialect
from masterplan.dialects import codec, collect, outcome_of

MATRIX: list[tuple[Dialect, str, Stop]] = [
    ("anthropic", "end_turn", "end_turn"),
    ("anthropic", "tool_use", "tool_use"),
    ("anthropic", "max_tokens", "max_tokens"),
    ("anthropic", "stop_sequence", "stop_sequence"),
    ("anthropic", "refusal", "refusal"),
    ("anthropic", "pause_turn", "pause"),
    ("anthropic", "model_context_window_exceeded", "context_overflow"),
    ("anthropic", "something_new", "other"),
    ("openai_chat", "stop", "end_turn"),
    ("openai_chat", "length", "max_tokens"),
    ("openai_chat", "tool_calls", "tool_use"),
    ("openai_chat", "function_call", "tool_use"),
    ("openai_chat", "content_filter", "refusal"),
    ("openai_chat", "something_new", "other"),
    ("openai_responses", "completed", "end_turn"),
    ("openai_responses", "max_output_tokens", "max_tokens"),
    ("openai_responses", "content_filter", "refusal"),
    ("openai_responses", "something_new", "other"),
    ("gemini", "STOP", "end_turn"),
    ("gemini", "MAX_TOKENS", "max_tokens"),
    ("gemini", "SAFETY", "refusal"),
    ("gemini", "RECITATION", "refusal"),
    ("gemini", "BLOCKLIST", "refusal"),
    ("gemini", "PROHIBITED_CONTENT", "refusal"),
    ("gemini", "SPII", "refusal"),
    ("gemini", "IMAGE_SAFETY", "refusal"),
    ("gemini", "MALFORMED_FUNCTION_CALL", "malformed_tool_call"),
    ("gemini", "UNEXPECTED_TOOL_CALL", "malformed_tool_call"),
    ("gemini", "TOO_MANY_TOOL_CALLS", "malformed_tool_call"),
    ("gemini", "LANGUAGE", "other"),
    ("gemini", "OTHER", "other"),
    ("gemini", "SOMETHING_NEW", "other"),
]
FIELDS = {
    "anthropic": "stop_reason",
    "openai_chat": "finish_reason",
    "openai_responses": "",  # status and reason stand apart
    "gemini": "finishReason",
}


def with_reason(body: bytes, dialect: Dialect, reason: str) -> bytes:
    """The body, with this reason wherever the dialect says one."""

    def change(value: Any) -> Any:
        if isinstance(value, dict) and value.get("status") == "completed" and "output" in value:
            if reason == "completed":
                return value
            details = {"reason": reason}
            return {**value, "status": "incomplete", "incomplete_details": details}
        if isinstance(value, dict):
            return {
                k: reason if k == FIELDS[dialect] and v is not None else change(v)
                for k, v in value.items()
            }
        return [change(v) for v in value] if isinstance(value, list) else value

    lines = []
    for line in body.split(b"\n"):
        head, brace, _ = line.partition(b"{")
        if not brace:
            lines.append(line)
            continue
        changed = json.dumps(change(json.loads(line[len(head) :])))
        lines.append(head + changed.encode())
    return b"\n".join(lines)


@pytest.mark.parametrize(("dialect", "reason", "stop"), MATRIX)
def test_stop_reason_when_read_is_what_the_table_says(
    dialect: Dialect, reason: str, stop: Stop
) -> None:
    parts = SAMPLE.parts if stop == "tool_use" else (Text("hi"),)
    answer = replace(SAMPLE, parts=parts, stop="end_turn")
    body, _ = codec(dialect).write_response(answer)
    assert codec(dialect).parse_response(with_reason(body, dialect, reason)).stop == stop
    reader = codec(dialect).stream_reader()
    events = reader.feed(with_reason(stream_of(dialect, answer), dialect, reason))
    assert collect(events).stop == stop
    assert reader.outcome == outcome_of(stop)
    assert (reader.outcome == "complete") == (stop in COMPLETE_STOPS)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stop", get_args(Stop))
def test_stop_when_written_never_reads_as_complete_unless_it_is(
    dialect: Dialect, stop: Stop
) -> None:
    parts = SAMPLE.parts if stop == "tool_use" else (Text("hi"),)
    answer = replace(SAMPLE, parts=parts, stop=stop)
    body, losses = codec(dialect).write_response(answer)
    again = codec(dialect).parse_response(body)
    assert (again.stop in COMPLETE_STOPS) == (stop in COMPLETE_STOPS)
    if again.stop != stop:
        assert any(loss.where == "$.stop" for loss in losses)


def test_prompt_when_gemini_blocks_it_is_refused() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m", "responseId": "r"}
    answer = codec("gemini").parse_response(json.dumps(body).encode())
    assert (answer.stop, answer.stop_detail) == ("refusal", "prompt blocked: SAFETY")
    reader = codec("gemini").stream_reader()
    reader.feed(b"data: " + json.dumps(body).encode() + b"\n\n")
    reader.end()
    assert reader.outcome == "refused"
