"""What is written is read back alike, or a loss says what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dialect_case import DIALECTS, SAMPLE, requests, responses, stream_of
from hypothesis import given, settings
from hypothesis import strategies as st

from masterplan.core.message import Loss, Media, Message, Request, Response, Text, ToolResult
from masterplan.core.model import Dialect
from masterplan.dialects import codec, collect, unfold

MODELS = {
    "anthropic": "claude-haiku-4-5",
    "openai_chat": "some-model",
    "openai_responses": "some-model",
    "gemini": "gemini-2.5-pro",
}


def rewritten(dialect: Dialect, request: Request) -> tuple[Request, tuple[Loss, ...]]:
    wire, losses = codec(dialect).write_request(request)
    return codec(dialect).parse_request(wire.body, path=wire.path), losses


def comparable(request: Request, lost: set[str]) -> Request:
    """The request without its extras and without what a loss names."""
    turns = [_turn(message, lost) for message in request.messages]
    tools = [
        replace(tool, extra={}, cache=None if "cache" in lost else tool.cache)
        for tool in request.tools
    ]
    if "strict" in lost:
        tools = [replace(tool, is_strict=False) for tool in tools]
    names = {name for name in ("seed", "top_k") if name in lost}
    shape = request.schema and replace(request.schema, is_strict=True, name="answer")
    cleared = {name: None for name in names} | ({"stop": ()} if "stop" in lost else {})
    return replace(
        request, messages=tuple(turns), tools=tuple(tools), schema=shape, extra={}, **cleared
    )


def _turn(message: Message, lost: set[str]) -> Message:
    parts = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            inner = tuple(p for p in part.parts if not ("media" in lost and isinstance(p, Media)))
            if "division" in lost or "media" in lost:
                inner = ()
            part = replace(
                part,
                parts=inner,
                is_error=False if "is_error" in lost else part.is_error,
                name=None,
                extra={},
            )
        elif isinstance(part, Text):
            part = replace(part, cache=None if "cache" in lost else part.cache, extra={})
        parts.append(part)
    return Message(message.role, tuple(parts))


def _lost(losses: tuple[Loss, ...]) -> set[str]:
    words = {
        "cache breakpoint": "cache",
        "cache breakpoint over the fourth": "cache",
        "strict tool": "strict",
        "division of a tool result into texts": "division",
        "media in a tool result": "media",
        "image in a tool result": "media",
        "document in a tool result": "media",
        "image name": "name",
    }
    return {words.get(loss.what, loss.what) for loss in losses}


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_request_when_written_and_read_is_the_same_or_a_loss_says_why(
    dialect: Dialect, data: st.DataObject
) -> None:
    request = data.draw(requests(MODELS[dialect]))
    again, losses = rewritten(dialect, request)
    lost = _lost(losses)
    wanted = comparable(request, lost)
    if dialect == "anthropic" and request.max_output_tokens is None:
        wanted = replace(wanted, max_output_tokens=8192)
    found = comparable(again, lost)
    if "media" in lost:  # shown beside the result instead of inside it
        wanted = replace(wanted, messages=wanted.messages[:1])
        found = replace(found, messages=found.messages[:1])
    assert found == wanted


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_response_when_written_and_read_is_the_same(dialect: Dialect, data: st.DataObject) -> None:
    response = data.draw(responses(dialect))
    body, losses = codec(dialect).write_response(response)
    assert codec(dialect).parse_response(body) == response
    assert losses == ()


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_stream_when_written_and_read_folds_to_the_same_response(
    dialect: Dialect, data: st.DataObject
) -> None:
    response = data.draw(responses(dialect))
    reader = codec(dialect).stream_reader()
    events = [*reader.feed(stream_of(dialect, response)), *reader.end()]
    assert collect(events) == response


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_fold_of_an_unfolded_response_is_the_response(data: st.DataObject) -> None:
    response = data.draw(responses("anthropic"))
    assert collect(unfold(response)) == response


@pytest.mark.parametrize("source", DIALECTS)
@pytest.mark.parametrize("target", DIALECTS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_request_when_translated_keeps_every_text_call_and_result(
    source: Dialect, target: Dialect, data: st.DataObject
) -> None:
    wire, _ = codec(source).write_request(data.draw(requests("some-model")))
    canonical = codec(source).parse_request(wire.body, path=wire.path)
    translated, losses = codec(target).write_request(canonical)
    final = codec(target).parse_request(translated.body, path=translated.path)
    if not any("tool result" in loss.what for loss in losses):
        assert _gist(final) == _gist(canonical)


def _gist(request: Request) -> list[tuple[str, str]]:
    """What of a conversation no dialect may lose without saying so, in order."""
    found = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                found.append((message.role, part.text))
            elif isinstance(part, ToolResult):
                said = "\n".join(p.text for p in part.parts if isinstance(p, Text))
                found.append(("result", f"{part.call_id} {said}"))
            elif hasattr(part, "arguments"):
                found.append(("call", f"{part.id} {part.name} {part.arguments}"))
    return found


@pytest.mark.parametrize("source", DIALECTS)
@pytest.mark.parametrize("target", DIALECTS)
def test_stream_when_translated_carries_the_same_content(source: Dialect, target: Dialect) -> None:
    reader = codec(source).stream_reader()
    events = reader.feed(stream_of(source, SAMPLE))
    response: Response = collect(events)
    again = codec(target).stream_reader()
    final = collect([*again.feed(stream_of(target, response)), *again.end()])
    assert final.parts == SAMPLE.parts
    assert (final.stop, final.usage) == (SAMPLE.stop, SAMPLE.usage)
