"""Rows 6 to 12: streams that are empty, broken or left, and how every stream begins and ends."""

from __future__ import annotations

import json
from typing import cast

from carry import Answered, Pair, answer, called, client_request, names_of, read_stream
from row import Found, row
from rows_stream import carried, interleaved, mixed, parallel
from wire_frame import check_failed, frames
from wire_stream import INPUT, OUTPUT, Chat, Messages, sse, stream

from masterplan.core.message import Failed, Finished, PartDelta, Started
from masterplan.core.model import Dialect
from masterplan.dialects import codec

GATEWAY = "tests/gateway/test_gateway_stream.py::"
GONE = "tests/gateway/test_gateway_gone.py::"


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
    (
        GATEWAY + "test_stream_when_the_provider_falls_silent_then_an_error_at_the_limit_"
        "though_pings_flow",
        GATEWAY + "test_stream_when_compressed_then_each_event_is_flushed",
    ),
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
    (GATEWAY + "test_ping_when_the_answer_has_not_begun_then_none_and_later_only_between_events",),
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
    (GONE + "test_client_when_it_leaves_then_the_provider_is_left_too_and_one_row_says_cancelled",),
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
