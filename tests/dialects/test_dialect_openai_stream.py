"""What Chat Completions servers really send: the translation checklist's streaming cases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from masterplan.core.message import Failed, Reasoning, Response, StreamEvent, Text, ToolCall
from masterplan.dialects import codec, collect


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    return (
        b"data: "
        + json.dumps({"id": "c", "model": "m", "choices": choices, **more}).encode()
        + b"\n\n"
    )


def call(index: int | None, arguments: str = "", **more: Any) -> dict[str, Any]:
    """One delta with one piece of one tool call."""
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    place = {} if index is None else {"index": index}
    return {"tool_calls": [{**place, "function": function, **more}]}


USAGE = {"prompt_tokens": 5, "completion_tokens": 7}
DONE = chunk(None, usage=USAGE) + b"data: [DONE]\n\n"


def events_of(*chunks: bytes) -> list[StreamEvent]:
    reader = codec("openai_chat").stream_reader()
    return [*reader.feed(b"".join(chunks)), *reader.end()]


def answer_of(*chunks: bytes) -> Response:
    return collect(events_of(*chunks))


def calls_of(response: Response) -> list[tuple[str, str, str]]:
    return [(p.id, p.name, p.arguments) for p in response.parts if isinstance(p, ToolCall)]


def test_tool_arguments_when_they_come_only_later_are_whole() -> None:
    answer = answer_of(
        chunk(call(0, id="a", name="f")),
        chunk(call(0, '{"x"')),
        chunk(call(0, ":1}")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert calls_of(answer) == [("a", "f", '{"x":1}')]
    assert (answer.stop, answer.usage.output_tokens) == ("tool_use", 7)


def test_tool_calls_when_they_interleave_are_put_in_order() -> None:
    answer = answer_of(
        chunk(call(0, '{"a"', id="a", name="f")),
        chunk(call(1, '{"b"', id="b", name="g")),
        chunk(call(0, ":1}")),
        chunk(call(2, "{", id="c", name="h")),
        chunk(call(1, ":2}")),
        chunk(call(2, "}")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert calls_of(answer) == [("a", "f", '{"a":1}'), ("b", "g", '{"b":2}'), ("c", "h", "{}")]


def test_tool_calls_when_every_one_has_index_0_are_told_apart_by_id() -> None:
    answer = answer_of(
        chunk(call(0, '{"a":1}', id="a", name="f")),
        chunk(call(0, '{"b":2}', id="b", name="f")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert calls_of(answer) == [("a", "f", '{"a":1}'), ("b", "f", '{"b":2}')]


def test_tool_call_when_it_comes_again_with_all_arguments_so_far_is_not_doubled() -> None:
    answer = answer_of(
        chunk(call(0, '{"a"', id="a", name="f")),
        chunk(call(0, '{"a":1', id="a", name="f")),
        chunk(call(0, '{"a":1}', id="a", name="f")),
        chunk(call(0, '{"a":1}', id="a", name="f")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert calls_of(answer) == [("a", "f", '{"a":1}')]


def test_tool_call_when_each_piece_repeats_its_id_is_joined() -> None:
    answer = answer_of(
        chunk(call(0, '{"a":', id="a", name="f")),
        chunk(call(0, '"b"', id="a", name="f")),
        chunk(call(0, "}", id="a", name="f")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert calls_of(answer) == [("a", "f", '{"a":"b"}')]


def test_tool_calls_when_index_and_id_are_missing_get_ids_of_their_own() -> None:
    answer = answer_of(
        chunk(call(None, '{"a":1}', name="f")),
        chunk(call(None, '{"b":2}', name="g")),
        chunk({}, "tool_calls"),
        DONE,
    )
    found = calls_of(answer)
    assert [(name, text) for _, name, text in found] == [("f", '{"a":1}'), ("g", '{"b":2}')]
    assert len({key for key, _, _ in found}) == 2
    assert all(key.startswith("call_") for key, _, _ in found)


def test_chunks_without_anything_in_them_change_nothing() -> None:
    answer = answer_of(
        chunk({"role": "assistant"}),
        chunk({"content": "", "tool_calls": []}),
        chunk({"content": None}),
        chunk(None, usage=None),
        chunk({"content": "hi", "tool_calls": []}),
        chunk({"content": ""}),
        chunk({}, "stop"),
        DONE,
    )
    assert answer.parts == (Text("hi"),)
    assert answer.stop == "end_turn"


def test_text_between_tool_calls_keeps_its_place() -> None:
    answer = answer_of(
        chunk(call(0, '{"a":1}', id="a", name="f")),
        chunk({"content": "and "}),
        chunk({"content": "then"}),
        chunk(call(1, '{"b":2}', id="b", name="g")),
        chunk({"content": "done"}),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert [type(p).__name__ for p in answer.parts] == ["ToolCall", "Text", "ToolCall", "Text"]
    assert answer.text == "and thendone"


def test_reasoning_in_one_chunk_with_content_comes_first() -> None:
    answer = answer_of(
        chunk({"content": "yes", "reasoning_content": "because"}), chunk({}, "stop"), DONE
    )
    assert [type(p) for p in answer.parts] == [Reasoning, Text]


def test_first_chunk_with_a_finish_reason_and_nothing_is_a_failure_not_an_end() -> None:
    last = events_of(chunk({}, "stop"), DONE)[-1]
    assert isinstance(last, Failed)
    assert last.code == "provider.empty"


@pytest.mark.parametrize("arguments", ['{"a":', '{"a":1}}', "[1]", '{"a":NaN}', "null"])
def test_tool_call_when_its_arguments_are_no_json_object_is_never_complete(arguments: str) -> None:
    reader = codec("openai_chat").stream_reader()
    body = chunk(call(0, arguments, id="a", name="f")) + chunk({}, "tool_calls") + DONE
    assert collect(reader.feed(body)).stop == "malformed_tool_call"
    assert reader.outcome == "protocol_error"


def test_tool_call_when_it_has_no_arguments_has_an_empty_object() -> None:
    answer = answer_of(chunk(call(0, id="a", name="f")), chunk({}, "tool_calls"), DONE)
    assert calls_of(answer) == [("a", "f", "{}")]


def test_tool_call_when_the_stop_says_end_is_still_a_tool_use() -> None:
    answer = answer_of(chunk(call(0, "{}", id="a", name="f")), chunk({}, "stop"), DONE)
    assert answer.stop == "tool_use"


@pytest.mark.parametrize(
    "chunks",
    [
        (chunk(call(0, "{}")),),
        (chunk({"content": "hi"}), b"data: {broken\n\n"),
        (chunk({"content": "hi"}), chunk({}, "stop"), chunk({"content": "more"})),
        (chunk({"content": "hi"}), b"data: [DONE]\n\n"),
        (b"data: [DONE]\n\n",),
        (chunk({"content": 5}),),
    ],
    ids=["no name", "broken json", "content after end", "no reason", "nothing", "wrong type"],
)
def test_stream_when_it_breaks_the_protocol_says_so(chunks: tuple[bytes, ...]) -> None:
    reader = codec("openai_chat").stream_reader()
    events = [*reader.feed(b"".join(chunks)), *reader.end()]
    assert isinstance(events[-1], Failed)
    assert reader.outcome == "protocol_error"


def test_error_inside_the_stream_is_the_providers() -> None:
    reader = codec("openai_chat").stream_reader()
    body = chunk({"content": "hi"}) + b'data: {"error":{"type":"overloaded","message":"busy"}}\n\n'
    last = reader.feed(body)[-1]
    assert isinstance(last, Failed)
    assert (last.code, last.message, reader.outcome) == (
        "provider.overloaded",
        "busy",
        "provider_error",
    )


def test_usage_when_no_chunk_reports_it_is_unknown() -> None:
    answer = answer_of(chunk({"content": "hi"}), chunk({}, "stop"), b"data: [DONE]\n\n")
    assert answer.usage.source == "unknown"


def test_other_choices_are_not_mixed_in() -> None:
    second = {"index": 1, "delta": {"content": "other"}, "finish_reason": None}
    body = b"data: " + json.dumps({"id": "c", "model": "m", "choices": [second]}).encode() + b"\n\n"
    assert answer_of(chunk({"content": "hi"}), body, chunk({}, "stop"), DONE).text == "hi"
