"""Server-sent events: every line end, every chunking, and the cap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.core.errors import DialectError
from masterplan.dialects import SseEvent, SseParser

BODY = (
    b"\xef\xbb\xbf: a comment\r\n"
    b"event: first\ndata: one\r\n\r\n"
    b"data:two\rdata: \xe2\x80\xa8lines\r\r"
    b"id: 7\nretry: 10\nunknown\ndata\ndata:  three \n\n"
    b"event: nothing\n\n"
    b": only a comment\n\n"
    b"event: split\r\ndata: a\r\ndata: b\r\n\r\n"
    b'data: {"a": "\xc2\x85\x0b\x0c\xe2\x80\xa9"}\n\n'
)
EVENTS = [
    SseEvent("first", "one"),
    SseEvent("message", "two\n\u2028lines"),
    SseEvent("message", "\n three "),
    SseEvent("split", "a\nb"),
    SseEvent("message", '{"a": "\u0085\x0b\x0c\u2029"}'),
]


def test_parser_when_fed_whole_gives_the_events_of_the_standard() -> None:
    assert SseParser().feed(BODY) == EVENTS


def test_parser_when_split_anywhere_in_two_gives_the_same() -> None:
    for at in range(len(BODY) + 1):
        parser = SseParser()
        assert [*parser.feed(BODY[:at]), *parser.feed(BODY[at:])] == EVENTS


def test_parser_when_fed_bytewise_gives_the_same() -> None:
    parser = SseParser()
    assert [event for i in range(len(BODY)) for event in parser.feed(BODY[i : i + 1])] == EVENTS


@given(st.lists(st.text(max_size=8).filter(lambda t: "\n" not in t and "\r" not in t)))
def test_parser_when_data_has_any_character_gives_it_back(lines: list[str]) -> None:
    body = "".join(f"data: {line}\n" for line in lines).encode() + b"\n"
    wanted = [SseEvent("message", "\n".join(lines))] if lines else []
    assert SseParser().feed(body) == wanted


@pytest.mark.parametrize("body", [b"data: " + b"x" * 200, b"data: xxxxxxxx\n" * 30])
def test_parser_when_an_event_is_over_the_cap_refuses(body: bytes) -> None:
    parser = SseParser(max_bytes=100)
    with pytest.raises(DialectError, match="larger than 100 bytes"):
        parser.feed(body)


def test_parser_when_data_is_not_utf8_refuses() -> None:
    with pytest.raises(DialectError, match="UTF-8"):
        SseParser().feed(b"data: \xff\xfe\n\n")


def test_parser_when_an_event_is_half_received_says_so() -> None:
    parser = SseParser()
    parser.feed(b"data: a\n")
    assert not parser.is_between_events
    parser.feed(b"\n")
    assert parser.is_between_events


PIECES = b"""data: a

|event: e
data: b

|data: c
data: d

|event: e

|: c

|data:x

|

|id: 1
data: f

|data: g
|data: h\r

|event: i

data: j

|data: event: k

|data: l|\r|
""".split(b"|")


@given(st.lists(st.sampled_from(PIECES)))
def test_parser_when_chunks_are_whole_events_gives_the_same_as_bytewise(
    chunks: list[bytes],
) -> None:
    body = b"".join(chunks)
    bytewise = SseParser()
    wanted = [event for i in range(len(body)) for event in bytewise.feed(body[i : i + 1])]
    parser = SseParser()
    assert [event for chunk in chunks for event in parser.feed(chunk)] == wanted
