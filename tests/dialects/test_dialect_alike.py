"""The short way through a stream never reads anything else than the long one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_case import texts, values
from hypothesis import given
from hypothesis import strategies as st

from masterplan.core.message import PartDelta
from masterplan.core.model import Dialect
from masterplan.dialects import codec
from masterplan.dialects.alike import Alike


def event(text: str, rest: Any, *, is_ascii: bool) -> str:
    body = {"a": rest, "deep": [{"text": text, "b": rest}], "z": 1}
    return json.dumps(body, ensure_ascii=is_ascii)


@given(texts, st.lists(st.text(max_size=20), min_size=1), values, st.booleans())
def test_text_when_an_event_is_alike_is_that_of_the_whole_json(
    first: str, others: list[str], rest: Any, is_ascii: bool
) -> None:
    alike = Alike()
    alike.learn(event(first, rest, is_ascii=is_ascii), "text", first)
    for other in others:
        assert alike.text(event(other, rest, is_ascii=is_ascii)) in ("", other)
        changed = event(other, [rest, "changed"], is_ascii=is_ascii)
        assert alike.text(changed) == ""


def test_text_when_learnt_is_found() -> None:
    alike = Alike()
    assert alike.text(event("a", None, is_ascii=False)) == ""
    alike.learn(event("one", None, is_ascii=False), "text", "one")
    assert alike.text(event('tw"\\o \u2028', None, is_ascii=False)) == 'tw"\\o \u2028'


@pytest.mark.parametrize(
    "data",
    [
        '{"text":"x","n":1,"text":"y"}',
        '{"text":"x" ,"n":2}',
        '{"text":5,"n":1}',
        '{"text":"x"},{"n":1}',
        '{"text":"x","y":"z","n":1}',
        '{"text":"","n":1}',
        '{"text":"n":1}',
        "",
    ],
)
def test_event_when_it_is_not_alike_is_left_to_the_parser(data: str) -> None:
    alike = Alike()
    alike.learn('{"text":"one","n":1}', "text", "one")
    assert alike.text(data) == ""


@pytest.mark.parametrize("data", ['{"text":"x","text":"x"}', '{"n":"x","text":"x"}', "{", ""])
def test_event_when_its_text_has_no_one_place_is_not_learnt(data: str) -> None:
    alike = Alike()
    alike.learn(data, "text", "x")
    assert alike.text(data.replace('"x"', '"y"')) == ""


CHUNKS: list[tuple[Dialect, list[Any]]] = [
    (
        "openai_chat",
        [
            {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]}
            for text in ("a", "b", "c", "")
        ],
    ),
    (
        "anthropic",
        [
            {"type": "message_start", "message": {"model": "m"}},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            },
            *(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "input_json_delta", "partial_json": text},
                }
                for text in ('{"a"', ":", "1}")
            ),
        ],
    ),
]


@pytest.mark.parametrize(("dialect", "chunks"), CHUNKS)
def test_stream_when_its_events_are_alike_counts_and_keeps_every_piece(
    dialect: Dialect, chunks: list[Any]
) -> None:
    reader = codec(dialect).stream_reader()
    events = [
        event
        for chunk in chunks
        for event in reader.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    ]
    told = "".join(event.text for event in events if isinstance(event, PartDelta))
    assert told in ("abc", '{"a":1}')
    assert reader.content_chars == len(told)
