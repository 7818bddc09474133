"""The Messages stream: blocks of every kind, disorder, and what is passed over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from masterplan.core.message import (
    Failed,
    Finished,
    Opaque,
    Ping,
    Reasoning,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.dialects import codec, collect


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-6",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1},
    },
)
STOP = event("message_stop")


def begin(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def grow(index: int, kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def end(index: int) -> bytes:
    return event("content_block_stop", index=index)


def finish(reason: str = "end_turn", **usage: int) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=delta, usage={"output_tokens": 25, **usage}) + STOP


TEXT = begin(0, type="text", text="") + grow(0, "text_delta", text="hello") + end(0)


def events_of(*pieces: bytes) -> list[StreamEvent]:
    reader = codec("anthropic").stream_reader()
    return [*reader.feed(b"".join(pieces)), *reader.end()]


def test_usage_when_start_and_end_report_it_is_one_whole() -> None:
    usage = collect(events_of(START, TEXT, finish())).usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (100, 90, 25)
    assert usage.source == "reported"


def test_usage_when_the_stream_is_cut_is_not_reported_as_whole() -> None:
    reader = codec("anthropic").stream_reader()
    reader.feed(START + TEXT)
    reader.end()
    assert (reader.usage.source, reader.usage.input_tokens) == ("unknown", 100)
    assert reader.content_chars == 5


def test_blocks_of_every_kind_are_kept() -> None:
    server = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    answer = collect(
        events_of(
            START,
            begin(0, type="thinking", thinking="", signature=""),
            grow(0, "thinking_delta", thinking="hm"),
            grow(0, "signature_delta", signature="sig"),
            end(0),
            begin(1, type="redacted_thinking", data="xyz"),
            end(1),
            begin(2, **server),
            grow(2, "input_json_delta", partial_json='{"query"'),
            grow(2, "input_json_delta", partial_json=':"q"}'),
            end(2),
            begin(3, type="text", text="", citations=[]),
            grow(3, "citations_delta", citation={"type": "x", "n": 1}),
            grow(3, "citations_delta", citation={"type": "x", "n": 2}),
            grow(3, "text_delta", text="said"),
            end(3),
            begin(4, type="tool_use", id="t1", name="f", input={}),
            grow(4, "input_json_delta", partial_json=""),
            end(4),
            finish("tool_use"),
        )
    )
    thinking, redacted, search, text, call = answer.parts
    assert thinking == Reasoning("hm", "sig", "claude-opus-4-6", dialect="anthropic")
    assert isinstance(redacted, Reasoning)
    assert (redacted.is_redacted, redacted.signature) == (True, "xyz")
    assert search == Opaque("anthropic", {**server, "input": {"query": "q"}})
    assert isinstance(text, Text)
    assert [c["n"] for c in text.extra["anthropic"]["citations"]] == [1, 2]
    assert call == ToolCall("t1", "f", "{}")


def test_tool_input_when_it_stands_whole_at_the_start_is_taken_once() -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    whole = events_of(START, begin(0, **block), end(0), finish("tool_use"))
    assert collect(whole).parts == (ToolCall("t", "f", '{"a":1}'),)
    both = events_of(
        START,
        begin(0, **block),
        grow(0, "input_json_delta", partial_json='{"a":2}'),
        end(0),
        finish("tool_use"),
    )
    assert collect(both).parts == (ToolCall("t", "f", '{"a":2}'),)


@pytest.mark.parametrize(
    "pieces",
    [
        (START, START, TEXT, finish()),
        (START, TEXT, TEXT, finish()),
        (START, TEXT, grow(0, "text_delta", text="late"), finish()),
        (START, TEXT, end(0), finish()),
        (START, grow(3, "text_delta", text="nowhere"), finish()),
        (START, TEXT, STOP),
        (TEXT, START, finish()),
        (START, begin(0, type="text"), finish()),
    ],
    ids=[
        "two starts",
        "a block twice",
        "growth after the end",
        "two block ends",
        "an unknown block",
        "no stop reason",
        "content before the start",
        "a block without its text",
    ],
)
def test_stream_when_it_is_out_of_order_says_so(pieces: tuple[bytes, ...]) -> None:
    reader = codec("anthropic").stream_reader()
    events = [*reader.feed(b"".join(pieces)), *reader.end()]
    assert isinstance(events[-1], Failed)
    assert reader.outcome == "protocol_error"


def test_block_when_its_end_is_missing_is_ended_by_the_next() -> None:
    second = begin(1, type="text", text="") + grow(1, "text_delta", text="b") + end(1)
    answer = collect(events_of(START, TEXT.replace(end(0), b""), second, finish()))
    assert [part.text for part in answer.parts if isinstance(part, Text)] == ["hello", "b"]


def test_message_stop_when_it_comes_twice_counts_once() -> None:
    events = events_of(START, TEXT, finish(), STOP)
    assert sum(isinstance(e, Finished) for e in events) == 1


def test_events_and_deltas_of_unknown_kinds_are_passed_over() -> None:
    text = begin(0, type="text", text="") + grow(0, "new_delta", x=1)
    text += grow(0, "text_delta", text="hi") + end(0)
    events = events_of(START, event("new_event", x=1), event("ping"), text, finish())
    assert collect(events).text == "hi"
    assert Ping() in events


def test_error_event_when_it_comes_mid_stream_is_the_last_word() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    reader = codec("anthropic").stream_reader()
    events = reader.feed(START + event("error", error=error) + TEXT + finish())
    assert events[-1] == Failed("provider.overloaded", "Overloaded", error)
    assert reader.outcome == "provider_error"
