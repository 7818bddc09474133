"""Rows 1 to 12: streams. Each provider says the same thing in the trickiest way it has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

from carry import Answered, Pair, answer, called, client_request, names_of, read_stream, said, whole
from row import Found, row
from wire_frame import check, check_failed, frames
from wire_stream import INPUT, OUTPUT, Chat, Generate, Messages, Responses, sse, stream

from masterplan.core.message import Failed, Finished, PartDelta, Started
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


def empty(provider: Dialect) -> bytes:
    said = stream(provider)
    if isinstance(said, Chat):
        said.raw.clear()
    return said.end()


def failed(got: Answered, pair: Pair, code: str) -> None:
    """Assert that the client reads this failure and no end."""
    error = check_failed(pair.client, got.raw)
    last = got.events[-1]
    assert isinstance(last, Failed)
    assert last.code == code
    assert last.message in json.dumps(error, ensure_ascii=False)
    assert got.failed.code in (code, "provider.server_error")


@row(6, "A finish reason behind nothing is no answer", "Read as a failure of the provider's.")
def hollow(pair: Pair) -> Found:
    got = answer(pair, empty(pair.provider))
    failed(got, pair, "provider.empty")
    return names_of(got.losses)


ERRORS: dict[Dialect, tuple[str, dict[str, object]]] = {
    "anthropic": (
        "error",
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded: ü"}},
    ),
    "openai_chat": ("", {"error": {"type": "overloaded", "message": "Overloaded: ü"}}),
    "openai_responses": (
        "error",
        {"type": "error", "sequence_number": 9, "code": "overloaded", "message": "Overloaded: ü"},
    ),
    "gemini": ("", {"error": {"code": 503, "status": "UNAVAILABLE", "message": "Overloaded: ü"}}),
}


def begun(provider: Dialect) -> bytes:
    """The bytes of an answer up to its first words, and no further."""
    said = stream(provider)
    said.text("first ", "words")
    return b"".join(cast(Messages, said).raw)


@row(
    7,
    "200 and then an error, a cut, a broken line; CRLF, comments, split UTF-8",
    "Silence and compression are the transport's.",
    ("tests/providers/test_provider_call.py",),
)
def broken(pair: Pair) -> Found:
    provider, client = pair.provider, pair.client
    name, error = ERRORS[provider]
    got = answer(pair, sse(error, name))
    failed(got, pair, "provider.overloaded")
    assert got.failed.code == "provider.overloaded"
    failed(answer(pair, begun(provider)), pair, "provider.cut")
    torn = answer(pair, begun(provider) + b"data: {]\n\n")
    assert check_failed(client, torn.raw)
    text = "grüße \u2028 🦜"
    said_ = stream(provider)
    said_.text(*text)
    raw = b": hello\n\n" + said_.end()
    for line_end in (b"\n", b"\r\n", b"\r"):
        lines = raw.replace(b"\n", line_end)
        events = read_stream(provider, *(lines[i : i + 1] for i in range(len(lines))))
        assert "".join(e.text for e in events if isinstance(e, PartDelta)) == text
    return carried(pair, raw, [("text", text)])


@row(8, "After the first words only an error event in the stream, never a new start")
def committed(pair: Pair) -> Found:
    name, error = ERRORS[pair.provider]
    got = answer(pair, begun(pair.provider) + sse(error, name) + begun(pair.provider))
    failed(got, pair, "provider.overloaded")
    texts = [event.text for event in got.back if isinstance(event, PartDelta)]
    assert "".join(texts) == "first words"
    assert len([event for event in got.back if isinstance(event, Started)]) == 1
    return names_of(got.losses)


@row(
    9,
    "Keep-alive bytes at any event boundary change nothing",
    "That they come within 15 s is the gateway's.",
    ("tests/gateway",),
)
def pings(pair: Pair) -> Found:
    wanted = [("thought", "hm"), ("text", "so"), called("read", a=1), ("text", "then")]
    return carried(pair, mixed(pair.provider), [*wanted, called("read", a=2)], pings=True)


@row(10, "The terminal events of the client's dialect, once and last")
def ends(pair: Pair) -> Found:
    raw = parallel(pair.provider)
    got = answer(pair, raw)
    names = [name or ("chunk" if value else "") for name, value in frames(got.raw)]
    last = {
        "anthropic": ["message_delta", "message_stop"],
        "openai_chat": ["chunk", "[DONE]"],
        "openai_responses": ["response.completed"],
        "gemini": ["chunk"],
    }[pair.client]
    assert names[-len(last) :] == last
    assert names.count(last[-1]) == 1 or pair.client == "gemini"
    return interleaved(pair)


@row(11, "Input tokens at the start are an estimate or the truth, at the end the truth")
def usage(pair: Pair) -> Found:
    got = answer(pair, parallel(pair.provider))
    values = [value for _, value in frames(got.raw) if value]
    if pair.client == "anthropic":
        start = values[0]["message"]["usage"]
        assert start["input_tokens"] > 0
        known = got.events[0]
        assert isinstance(known, Started)
        if known.usage is not None:
            assert start["input_tokens"] + start["cache_read_input_tokens"] == INPUT
        end = next(value["usage"] for value in values if value["type"] == "message_delta")
        assert end["input_tokens"] + end["cache_read_input_tokens"] == INPUT
        assert end["output_tokens"] == OUTPUT
    finished = got.back[-1]
    assert isinstance(finished, Finished)
    assert finished.usage.source == "reported"
    assert (finished.usage.input_tokens, finished.usage.output_tokens) == (INPUT, OUTPUT)
    return names_of(got.losses)


@row(
    12,
    "A client that leaves: what was received until then can be billed",
    "That the provider's connection closes is the gateway's.",
    ("tests/gateway", "tests/providers/test_provider_call.py"),
)
def left(pair: Pair) -> Found:
    reader = codec(pair.provider).stream_reader()
    reader.feed(begun(pair.provider))
    assert reader.outcome is None
    assert reader.content_chars == len("first words")
    assert reader.usage.source != "reported", "a partial count passes for the whole"
    writer = codec(pair.client).stream_writer(client_request(pair.client))
    raw = b"".join(writer.write(event) for event in read_stream(pair.provider)[:-1])
    assert frames(raw) == []
    return names_of(tuple(writer.losses))
