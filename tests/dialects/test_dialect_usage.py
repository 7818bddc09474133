"""Token counts: one convention inside, each dialect's own outside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_case import DIALECTS, SAMPLE

from masterplan.core.model import Dialect
from masterplan.core.usage import Usage
from masterplan.dialects import codec

CASES: list[tuple[Dialect, dict[str, Any], Usage]] = [
    (
        "anthropic",
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 3},
        },
        Usage(160, 7, 100, 20, 30, 3, "reported"),
    ),
    (
        "anthropic",
        {"input_tokens": 1, "cache_creation_input_tokens": 5, "output_tokens": 2},
        Usage(6, 2, 0, 5, 0, 0, "reported"),
    ),
    ("anthropic", {"input_tokens": 0, "output_tokens": 0}, Usage(source="reported")),
    (
        "openai_chat",
        {
            "prompt_tokens": 110,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 100},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        Usage(110, 7, 100, reasoning_tokens=3, source="reported"),
    ),
    (
        "openai_chat",
        {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 4},
        Usage(9, 1, 4, source="reported"),
    ),
    (
        "openai_responses",
        {
            "input_tokens": 160,
            "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 50},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3},
            "total_tokens": 167,
        },
        Usage(160, 7, 100, 50, reasoning_tokens=3, source="reported"),
    ),
    (
        "openai_responses",
        {"input_tokens": 9, "output_tokens": 1},
        Usage(9, 1, source="reported"),
    ),
    (
        "gemini",
        {
            "promptTokenCount": 110,
            "cachedContentTokenCount": 100,
            "candidatesTokenCount": 4,
            "thoughtsTokenCount": 3,
            "toolUsePromptTokenCount": 6,
        },
        Usage(116, 7, 100, reasoning_tokens=3, source="reported"),
    ),
]
FIELD = {
    "anthropic": "usage",
    "openai_chat": "usage",
    "openai_responses": "usage",
    "gemini": "usageMetadata",
}


@pytest.mark.parametrize(("dialect", "raw", "usage"), CASES)
def test_usage_when_read_follows_our_convention(
    dialect: Dialect, raw: dict[str, Any], usage: Usage
) -> None:
    body = json.loads(codec(dialect).write_response(SAMPLE)[0])
    body[FIELD[dialect]] = raw
    assert codec(dialect).parse_response(json.dumps(body).encode()).usage == usage


@pytest.mark.parametrize("dialect", DIALECTS)
def test_usage_when_absent_is_unknown_and_not_zero(dialect: Dialect) -> None:
    body = json.loads(codec(dialect).write_response(SAMPLE)[0])
    del body[FIELD[dialect]]
    assert codec(dialect).parse_response(json.dumps(body).encode()).usage.source == "unknown"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_usage_when_negative_is_refused_with_its_place(dialect: Dialect) -> None:
    text = codec(dialect).write_response(SAMPLE)[0].decode()
    for name in ("output_tokens", "completion_tokens", "candidatesTokenCount"):
        text = text.replace(f'"{name}":40', f'"{name}":-40')
    with pytest.raises(Exception, match=r"a number from 0.*usage"):
        codec(dialect).parse_response(text.encode())
