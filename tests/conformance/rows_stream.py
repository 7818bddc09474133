"""Rows 1 to 5: streams. Each provider says the same thing in the trickiest way it has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

from carry import Pair, answer, called, names_of, said, whole
from row import Found, row
from wire_frame import check
from wire_stream import INPUT, OUTPUT, Chat, Generate, Messages, Responses, sse, stream

from masterplan.core.model import Dialect
from masterplan.dialects import codec

FIXTURES: dict[str, Callable[[Dialect], bytes]] = {}
"""Every stream of these rows, for the tests of chunking and of cuts."""


def fixture(make: Callable[[Dialect], bytes]) -> Callable[[Dialect], bytes]:
    FIXTURES[make.__name__] = make
    return make


def carried(pair: Pair, raw: bytes, wanted: list[tuple[str, ...]], *, pings: bool = False) -> Found:
    """Assert that a stream arrives as wanted, well formed, with its stop and usage."""
    got = answer(pair, raw, pings=pings)
    check(pair.client, got.raw)
    assert said(got.made.parts) == wanted
    assert said(got.read.parts) == wanted
    assert got.read.stop == got.made.stop
    assert (got.read.usage.input_tokens, got.read.usage.output_tokens) == (INPUT, OUTPUT)
    if pings:
        return names_of(got.losses)
    answered, losses = whole(pair, got.made)  # the same, not streamed
    again = codec(pair.client).parse_response(json.dumps(answered).encode())
    assert said(again.parts) == wanted or losses
    assert (again.stop, again.usage) == (got.read.stop, got.read.usage)
    return names_of(got.losses, losses)


@fixture
def late_arguments(provider: Dialect) -> bytes:
    said = stream(provider)
    if isinstance(said, Chat):
        begun = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write"}}
        said.delta({"tool_calls": [begun]})
        for piece in ('{"path"', ':"a b"', "}"):
            said.piece(0, piece)
    else:
        said.call("call_1", "write", '{"path"', ':"a b"', "}")
    return said.end()


@row(1, "Tool arguments only in later chunks")
def arguments(pair: Pair) -> Found:
    return carried(pair, late_arguments(pair.provider), [called("write", path="a b")])


@fixture
def parallel(provider: Dialect) -> bytes:
    said = stream(provider)
    if isinstance(said, Chat):
        said.piece(0, id="call_1", name="read", type="function")
        said.piece(1, id="call_2", name="write", type="function")
        for index, piece in ((1, '{"b"'), (0, '{"a"'), (1, ":2}"), (0, ":1}")):
            said.piece(index, piece)
    elif isinstance(said, Responses):
        first, second = said.call_begun("call_1", "read"), said.call_begun("call_2", "write")
        for index, piece in ((second, '{"b"'), (first, '{"a"'), (second, ":2}"), (first, ":1}")):
            said.call_piece(index, piece)
        said.call_done(first, '{"a":1}')
        said.call_done(second, '{"b":2}')
    elif isinstance(said, Generate):
        pairs = (("call_1", "read", {"a": 1}), ("call_2", "write", {"b": 2}))
        said.chunk([{"functionCall": {"id": i, "name": n, "args": a}} for i, n, a in pairs])
    else:
        said.call("call_1", "read", '{"a"', ":1}")
        said.call("call_2", "write", '{"b"', ":2}")
    return said.end()


@row(2, "Parallel and interleaved tool calls")
def interleaved(pair: Pair) -> Found:
    wanted = [called("read", a=1), called("write", b=2)]
    return carried(pair, parallel(pair.provider), wanted)


@fixture
def repeated(provider: Dialect) -> bytes:
    said = stream(provider)
    if isinstance(said, Chat):
        said.piece(0, '{"a":1}', id="call_1", name="read", type="function")
        said.piece(0, '{"a', id="call_2", name="read", type="function")
        said.piece(0, '{"a":2}', id="call_2", name="read", type="function")  # grown, not a delta
        said.piece(1, '{"a":3}', name="read")
    elif isinstance(said, Responses):
        for number in (1, 2, 3):
            index = said.call_begun(f"call_{number}", "read")
            if number == 2:
                said.call_piece(index, '{"a":2}')  # whole at once, and again when it is done
            said.call_done(index, f'{{"a":{number}}}')
    elif isinstance(said, Messages):
        for number in (1, 2, 3):
            block = {"type": "tool_use", "id": f"call_{number}", "name": "read"}
            said.block({**block, "input": {"a": number}})  # whole at the start, no delta
        return said.end("tool_use")
    else:
        calls = [{"functionCall": {"name": "read", "args": {"a": n}}} for n in (1, 2, 3)]
        cast(Generate, said).chunk(calls)  # no ids at all
    return said.end()


@row(3, "Index repeated, ids missing, arguments growing or whole at once")
def repeats(pair: Pair) -> Found:
    raw = repeated(pair.provider)
    got = answer(pair, raw)
    ids = [getattr(part, "id", "") for part in got.read.parts]
    assert len(set(ids)) == 3, ids
    assert "" not in ids
    assert [getattr(part, "id", "") for part in answer(pair, raw).read.parts] == ids
    return carried(pair, raw, [called("read", a=n) for n in (1, 2, 3)])


@fixture
def idle(provider: Dialect) -> bytes:
    said = stream(provider)
    if isinstance(said, Chat):
        for delta in ({"content": "", "tool_calls": []}, {"role": "assistant"}, {}):
            said.delta(delta)
        said.chunk([])
        said.text("hi", "")
        said.delta({"content": None, "tool_calls": []})
        said.piece(0, id="call_1", name="read", type="function")
        said.piece(0, "")
        said.delta({"content": "", "tool_calls": None})
        said.piece(0, '{"a":1}')
        return said.end()
    if isinstance(said, Messages):
        said.event("ping")
        said.event("content_block_unheard_of", index=9)
    elif isinstance(said, Responses):
        said.event("response.queued", response=said.head)
        said.event("response.unheard_of.delta", delta="x")
    else:
        generate = cast(Generate, said)
        generate.chunk([])
        generate.raw.append(sse({"modelVersion": generate.model, "responseId": "resp-1"}))
    said.text("", "hi", "")
    said.call("call_1", "read", '{"a":1}') if isinstance(said, Generate) else said.call(
        "call_1", "read", "", '{"a":1}', ""
    )
    return said.end()


@row(4, "Empty content, empty tool_calls, role-only and unknown chunks say nothing")
def nothing(pair: Pair) -> Found:
    return carried(pair, idle(pair.provider), [("text", "hi"), called("read", a=1)])


@fixture
def mixed(provider: Dialect) -> bytes:
    said = stream(provider)
    if isinstance(said, Chat):
        said.delta({"reasoning_content": "hm", "content": "so"})
        said.piece(0, '{"a":1}', id="call_1", name="read", type="function")
        said.text("then")
        said.piece(1, '{"a":2}', id="call_2", name="read", type="function")
        return said.end()
    if isinstance(said, Generate):
        said.chunk([{"text": "hm", "thought": True}, {"text": "so"}])
    else:
        said.thought("hm")
        said.text("so")
    said.call("call_1", "read", '{"a":1}')
    said.text("then")
    said.call("call_2", "read", '{"a":2}')
    return said.end()


@row(5, "Text between tool calls; reasoning and content in one chunk")
def between(pair: Pair) -> Found:
    calls = [called("read", a=n) for n in (1, 2)]
    wanted = [("thought", "hm"), ("text", "so"), calls[0], ("text", "then"), calls[1]]
    return carried(pair, mixed(pair.provider), wanted)
