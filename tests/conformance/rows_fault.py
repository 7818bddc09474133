"""Rows 31 and 32: stops and errors, as each client knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from carry import Pair, answer, names_of, whole
from row import Found, row
from wire_frame import check_failed, frames
from wire_stream import sse, stream

from masterplan.core.message import COMPLETE_STOPS, Failed
from masterplan.core.model import Dialect
from masterplan.dialects import codec

Json = Any


STOPS: dict[Dialect, dict[str, str]] = {
    "anthropic": {
        "end_turn": "end_turn",
        "max_tokens": "max_tokens",
        "refusal": "refusal",
        "pause_turn": "pause",
        "model_context_window_exceeded": "context_overflow",
        "unheard_of": "other",
    },
    "openai_chat": {
        "stop": "end_turn",
        "length": "max_tokens",
        "content_filter": "refusal",
        "unheard_of": "other",
    },
    "openai_responses": {
        "max_output_tokens": "max_tokens",
        "content_filter": "refusal",
        "unheard_of": "other",
    },
    "gemini": {
        "STOP": "end_turn",
        "MAX_TOKENS": "max_tokens",
        "SAFETY": "refusal",
        "RECITATION": "refusal",
        "MALFORMED_FUNCTION_CALL": "malformed_tool_call",
        "UNEXPECTED_TOOL_CALL": "malformed_tool_call",
        "OTHER": "other",
        "UNHEARD_OF": "other",
    },
}


@row(31, "Stop reasons: what was cut, refused or malformed never reads as a whole answer")
def stops(pair: Pair) -> Found:
    found: list[Any] = []
    for wire, stop in STOPS[pair.provider].items():
        made = stream(pair.provider)
        made.text("words")
        got = answer(pair, made.end(wire))
        assert got.made.stop == stop, wire
        is_whole = stop in COMPLETE_STOPS
        found.append(got.losses)
        last = got.back[-1]
        if stop == "context_overflow" and isinstance(last, Failed):
            assert last.code == "provider.context_overflow"  # so that the client compacts
            continue
        assert (got.read.stop in COMPLETE_STOPS) == is_whole, wire
        assert got.read.stop == stop or got.losses
        answered, losses = whole(pair, got.made)
        again = codec(pair.client).parse_response(json.dumps(answered).encode())
        assert again.stop == got.read.stop
        assert names_of(losses) == names_of(got.losses)
    if pair.provider in ("anthropic", "openai_chat"):  # a stop for calls, and no call
        made = stream(pair.provider)
        made.text("words")
        confused = made.end("tool_use" if pair.provider == "anthropic" else "tool_calls")
        assert answer(pair, confused).read.stop == "end_turn"
    return names_of(*found)


OVERFLOWS: dict[Dialect, Json] = {
    "anthropic": {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "prompt is too long: 210000 tokens > 200000 maximum",
        },
    },
    "openai_chat": {
        "error": {
            "message": "This model's maximum context length is 400000 tokens.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
    "openai_responses": {
        "error": {
            "message": "Your input exceeds the context window of this model.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "context_length_exceeded",
        }
    },
    "gemini": {
        "error": {
            "code": 400,
            "message": "The input token count (1100000) exceeds the maximum number of tokens "
            "allowed (1048576).",
            "status": "INVALID_ARGUMENT",
        }
    },
}
WORDS: dict[Dialect, str] = {
    "anthropic": "prompt is too long",
    "openai_chat": "context_length_exceeded",
    "openai_responses": "context_length_exceeded",
    "gemini": "exceeds the maximum number of tokens",
}
"""What the clients look for before they compact."""


@row(32, "Errors in the client's dialect with the provider's wording; overflow as clients know it")
def errors(pair: Pair) -> Found:
    sent = OVERFLOWS[pair.provider]
    error = codec(pair.provider).parse_error(400, {}, json.dumps(sent).encode())
    assert error.code == "provider.context_overflow"
    text = codec(pair.client).write_error(error, 400).decode()
    assert sent["error"]["message"] in text
    assert WORDS[pair.client] in text
    assert codec(pair.client).parse_error(400, {}, text.encode()).code == error.code
    limited = {"error": {"type": "rate_limit_error", "message": "slow down, ünïcode"}}
    headers: Mapping[str, str] = {"retry-after": "7"}
    busy = codec(pair.provider).parse_error(429, headers, json.dumps(limited).encode())
    assert (busy.code, busy.retry_after_s) == ("provider.rate_limited", 7.0)
    told = json.loads(codec(pair.client).write_error(busy, 429))
    assert told["error"]["message"] == "slow down, ünïcode"
    return _in_stream(pair)


def _in_stream(pair: Pair) -> Found:
    """An overflow that is only told inside the stream."""
    sent = OVERFLOWS[pair.provider]
    if pair.provider == "openai_responses":
        whole_ = {"id": "r", "model": "m", "status": "failed", "output": [], **sent}
        failed = {"type": "response.failed", "sequence_number": 0, "response": whole_}
        raw = sse(failed, "response.failed")
    else:
        raw = sse(sent, "error" if pair.provider == "anthropic" else "")
    got = answer(pair, raw)
    last = got.events[-1]
    assert isinstance(last, Failed)
    assert last.code == "provider.context_overflow"
    error = check_failed(pair.client, got.raw)
    assert WORDS[pair.client] in json.dumps(error)
    if pair.client == "openai_responses":
        assert frames(got.raw)[-1][0] == "response.failed", "Codex compacts on this event alone"
    assert got.failed.code == "provider.context_overflow"
    return names_of(got.losses)
