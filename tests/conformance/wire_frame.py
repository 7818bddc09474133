"""What a client may rely on in each dialect's stream: order, numbering, the terminal event.

Reads the bytes themselves, not through our readers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from masterplan.core.model import Dialect

Json = Any


def frames(raw: bytes) -> list[tuple[str, Json]]:
    """Return each event's name and data; comments are left out."""
    found: list[tuple[str, Json]] = []
    assert raw == b"" or raw.endswith(b"\n\n"), "the last event is not closed"
    for block in raw.split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if line and not line.startswith(b":")]
        name = next((line[7:].decode() for line in lines if line.startswith(b"event: ")), "")
        data = b"\n".join(line[6:] for line in lines if line.startswith(b"data: "))
        if data == b"[DONE]":
            found.append(("[DONE]", None))
        elif data:
            found.append((name, json.loads(data)))
    return found


def check(client: Dialect, raw: bytes) -> None:
    """Assert that a stream which was not failed keeps to its protocol."""
    CHECKS[client](frames(raw))


def check_failed(client: Dialect, raw: bytes) -> Json:
    """Assert that a stream ends with its error event and nothing else; return the error."""
    events = frames(raw)
    name, last = events[-1]
    terminal = ("message_stop", "response.completed", "response.incomplete", "[DONE]")
    assert not [name for name, _ in events if name in terminal], "an end behind a failure"
    assert not any("finishReason" in json.dumps(value) for _, value in events)
    if client == "anthropic":
        assert name == "error"
    if client == "openai_responses":
        assert name in ("error", "response.failed")
        return last.get("error") or last["response"]["error"]
    return last["error"]


def _messages(events: list[tuple[str, Json]]) -> None:
    names = [name for name, _ in events if name != "ping"]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    opened: int | None = None
    count = 0
    for name, value in events:
        assert name == value["type"]
        if name == "content_block_start":
            assert (opened, value["index"]) == (None, count), "blocks interleave"
            opened, count = count, count + 1
        elif name == "content_block_delta":
            assert value["index"] == opened, "a delta outside its block"
        elif name == "content_block_stop":
            assert value["index"] == opened
            opened = None
    assert opened is None
    start = events[0][1]["message"]
    assert start["usage"]["input_tokens"] + start["usage"]["cache_read_input_tokens"] > 0
    assert start["content"] == []


def _chat(events: list[tuple[str, Json]]) -> None:
    assert events[-1][0] == "[DONE]"
    chunks = [value for _, value in events[:-1]]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    reasons = [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]]
    assert [reason for reason in reasons if reason] == reasons[-1:]
    assert chunks[-1]["choices"] == [], "usage is not the last chunk"
    assert chunks[-1]["usage"]["prompt_tokens"] >= 0
    begun: list[int] = []
    for chunk in chunks:
        for piece in chunk["choices"][0]["delta"].get("tool_calls", []) if chunk["choices"] else []:
            if "id" in piece:
                assert piece["index"] == len(begun), "calls are not numbered in order"
                begun.append(piece["index"])
            assert piece["index"] in begun
    assert len({chunk["id"] for chunk in chunks}) == 1


def _responses(events: list[tuple[str, Json]]) -> None:
    numbers = [value["sequence_number"] for _, value in events]
    assert numbers == [*range(len(events))], "sequence numbers have a gap"
    assert all(name == value["type"] for name, value in events)
    assert events[0][0] == "response.created"
    assert events[-1][0] in ("response.completed", "response.incomplete")
    output = events[-1][1]["response"]["output"]
    done = [value for name, value in events if name == "response.output_item.done"]
    assert [value["item"] for value in done] == output
    assert [value["output_index"] for value in done] == [*range(len(output))]
    added = [value["output_index"] for n, value in events if n == "response.output_item.added"]
    assert added == [*range(len(output))]
    assert events[-1][1]["response"]["usage"]["input_tokens"] >= 0
    for value, item in zip(done, output, strict=True):
        _item(item, [v for _, v in events if v.get("output_index") == value["output_index"]])


def _item(item: Json, events: list[Json]) -> None:
    """Assert that the pieces of an item are the whole of it."""
    pieces = "".join(v["delta"] for v in events if v["type"].endswith(".delta"))
    if item["type"] == "message":
        texts = [part.get("text") or part.get("refusal") or "" for part in item["content"]]
        assert pieces == "".join(texts)
    elif item["type"] == "function_call":
        assert pieces in (item["arguments"], "")
        json.loads(item["arguments"])


def _generate(events: list[tuple[str, Json]]) -> None:
    values = [value for _, value in events]
    reasons = [value["candidates"][0].get("finishReason") for value in values]
    assert [reason for reason in reasons if reason] == reasons[-1:]
    assert values[-1]["usageMetadata"]["totalTokenCount"] >= 0
    for value in values:
        for part in value["candidates"][0]["content"]["parts"]:
            assert isinstance(part.get("functionCall", {}).get("args", {}), dict)
            assert isinstance(part.get("thoughtSignature", ""), str)


CHECKS: dict[Dialect, Callable[[list[tuple[str, Json]]], None]] = {
    "anthropic": _messages,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini": _generate,
}
