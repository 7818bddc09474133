"""Streams of all dialects: any chunking gives the same events, and no cut one is complete."""

from __future__ import annotations

import json
import random
import zlib
from itertools import pairwise

import pytest
from dialect_case import DIALECTS, SAMPLE, responses, stream_of
from hypothesis import given, settings
from hypothesis import strategies as st

from masterplan.core.message import (
    Failed,
    Finished,
    PartStarted,
    Response,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage
from masterplan.dialects import StreamReader, codec, collect

RANDOM_CHUNKINGS = 300


def read(dialect: Dialect, *chunks: bytes) -> tuple[list[StreamEvent], StreamReader]:
    reader = codec(dialect).stream_reader()
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return [*events, *reader.end()], reader


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_when_split_anywhere_in_two_gives_the_same_events(dialect: Dialect) -> None:
    body = stream_of(dialect, SAMPLE)
    wanted, _ = read(dialect, body)
    assert collect(wanted) == SAMPLE
    for at in range(len(body)):
        assert read(dialect, body[:at], body[at:])[0] == wanted


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_stream_when_fed_bytewise_gives_the_same_events(dialect: Dialect, line_end: bytes) -> None:
    body = stream_of(dialect, SAMPLE)
    wanted, _ = read(dialect, body)
    body = body.replace(b"\n", line_end)
    assert read(dialect, *(body[i : i + 1] for i in range(len(body))))[0] == wanted


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_when_chunked_at_random_gives_the_same_events(dialect: Dialect) -> None:
    body = stream_of(dialect, SAMPLE)
    wanted, _ = read(dialect, body)
    for seed in range(RANDOM_CHUNKINGS):
        dice = random.Random(seed)
        cuts = sorted(dice.randrange(len(body)) for _ in range(dice.randrange(1, 40)))
        edges = [0, *cuts, len(body)]
        chunks = [body[a:b] for a, b in pairwise(edges)]
        assert read(dialect, *chunks)[0] == wanted, f"seed {seed}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_when_cut_at_any_byte_is_never_complete(dialect: Dialect) -> None:
    body = stream_of(dialect, SAMPLE)
    for at in range(len(body)):
        events, reader = read(dialect, body[:at])
        assert isinstance(events[-1], Failed), f"byte {at}"
        assert reader.outcome in ("cut", "protocol_error")
        assert reader.usage.source != "reported" or b"usage" in body[:at]


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_stream_when_a_line_is_garbled_never_crashes_and_has_one_end(
    dialect: Dialect, data: st.DataObject
) -> None:
    body = bytearray(stream_of(dialect, data.draw(responses(dialect))))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    events, reader = read(dialect, bytes(body))
    ends = [event for event in events if isinstance(event, Finished | Failed)]
    assert ends == events[-1:]
    assert reader.outcome is not None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_when_bytes_come_behind_its_end_ignores_them(dialect: Dialect) -> None:
    body = stream_of(dialect, SAMPLE)
    wanted, _ = read(dialect, body)
    assert read(dialect, body, body)[0] == wanted
    assert read(dialect, body + body)[0] == wanted


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_when_it_ends_is_finished_without_waiting_for_the_socket(dialect: Dialect) -> None:
    reader = codec(dialect).stream_reader()
    assert isinstance(reader.feed(stream_of(dialect, SAMPLE))[-1], Finished)
    assert reader.outcome == "complete"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_when_the_answer_is_empty_is_a_failure_of_the_provider(dialect: Dialect) -> None:
    empty = Response("id", "served", (), "end_turn", Usage(1, 1, source="reported"))
    events, reader = read(dialect, stream_of(dialect, empty))
    assert isinstance(events[-1], Failed)
    assert (events[-1].code, reader.outcome) == ("provider.empty", "provider_error")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_when_tool_arguments_are_huge_and_parallel_keeps_every_byte(
    dialect: Dialect,
) -> None:
    big = json.dumps({"text": "x" * 600_000})
    calls = tuple(ToolCall(f"call_{i}", "write", big) for i in range(8))
    answer = Response("id", "served", calls, "tool_use", Usage(1, 1, source="reported"))
    body = stream_of(dialect, answer)
    pieces = [body[i : i + 65_536] for i in range(0, len(body), 65_536)]
    events, _ = read(dialect, *pieces)
    parts = collect(events).parts
    assert [zlib.crc32(p.arguments.encode()) for p in parts if isinstance(p, ToolCall)] == [
        zlib.crc32(json.dumps(json.loads(big), separators=(",", ":")).encode())
        if dialect == "gemini"
        else zlib.crc32(big.encode())
    ] * 8


@pytest.mark.parametrize("dialect", DIALECTS)
def test_writer_when_it_fails_says_so_in_a_way_its_own_reader_sees(dialect: Dialect) -> None:
    body = stream_of(dialect, SAMPLE)
    request = codec(dialect).parse_request(REQUESTS[dialect], path="models/m:generateContent")
    failure = codec(dialect).stream_writer(request).fail("provider.cut", "it broke off")
    first_half = body[: body.index(b"\n\n", len(body) // 2) + 2]
    events, reader = read(dialect, first_half + failure)
    assert isinstance(events[-1], Failed)
    assert "it broke off" in events[-1].message
    assert reader.outcome == "provider_error"


REQUESTS: dict[Dialect, bytes] = {
    "anthropic": b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
    "openai_chat": b'{"model":"m","messages":[{"role":"user","content":"hi"}]}',
    "openai_responses": b'{"model":"m","input":"hi"}',
    "gemini": b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_parts_when_read_never_interleave(dialect: Dialect) -> None:
    events, _ = read(dialect, stream_of(dialect, SAMPLE))
    open_index = None
    for event in events:
        if isinstance(event, PartStarted):
            assert open_index is None
            open_index = event.index
        elif hasattr(event, "index"):
            assert event.index == open_index
            if type(event).__name__ == "PartEnded":
                open_index = None


def test_sample_holds_the_characters_that_break_line_readers() -> None:
    text = SAMPLE.parts[0]
    assert isinstance(text, Text)
    assert all(c in text.text for c in "\u2028\u2029\u0085\x0b\x0c")
