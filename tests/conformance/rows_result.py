"""Rows 18 and 19: the results of tools, in their turns and with pictures."""

from __future__ import annotations

from typing import Any

from carry import Pair, ask, names_of, said
from row import Found, row
from wire_body import PIXEL, Call, Result, assistant, body, results, tool, user

from masterplan.core.message import Media, Message, Text, ToolCall, ToolResult
from masterplan.dialects.gate import without_media

Json = Any


@row(
    18,
    "Several results in a turn, text behind them, errors; calls and results without each other",
    "A result whose call was compacted away is told as text, a call without a result gets one.",
)
def several(pair: Pair) -> Found:
    client = pair.client
    calls = [Call("call_1"), Call("call_2")]
    turns = [
        *user(client, "hi"),
        *assistant(client, "look", *calls),
        *results(client, Result(calls[0], "one"), Result(calls[1], "no", True), text="go on"),
        *user(client, "and on"),
    ]
    got = ask(pair, body(client, turns, tool(client, "read")))
    parts = [part for message in got.again.messages for part in message.parts]
    shown = [part for part in parts if isinstance(part, ToolResult)]
    assert [said(part.parts) for part in shown] == [[("text", "one")], [("text", "no")]]
    texts = [part.text for part in parts if isinstance(part, Text)]
    assert texts == ["hi", "look", "go on", "and on"]
    is_said = client in ("anthropic", "gemini")
    assert not is_said or shown[1].is_error or "is_error" in names_of(got.losses)
    orphan = [*results(client, Result(calls[0], "lost")), *assistant(client, "", calls[1])]
    mended = ask(pair, body(client, [*orphan, *user(client, "on")]))
    assert "lost" in mended.wire.body.decode()
    _begins_with_user(pair, mended.body)
    if pair == Pair("openai_responses", "openai_responses"):
        return names_of(got.losses)  # what it refers to may be kept by the provider
    for message in mended.again.messages:
        open_ = [part.id for part in message.parts if isinstance(part, ToolCall)]
        answers = [p.call_id for m in mended.again.messages for p in m.parts if _is_result(p)]
        assert not open_ or answers == open_
    return names_of(got.losses)


def _begins_with_user(pair: Pair, sent: Json) -> None:
    if pair.provider in ("anthropic", "gemini"):
        turns = sent.get("messages") or sent["contents"]
        assert turns[0]["role"] == "user"


def _is_result(part: object) -> bool:
    return isinstance(part, ToolResult)


@row(19, "Pictures in tool results; a model that reads text only is told of them")
def pictures(pair: Pair) -> Found:
    client = pair.client
    call = Call("call_1", "shot")
    found = results(client, Result(call, "see", image=PIXEL))
    if client == "openai_chat":  # whose tool messages are text: the picture follows
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
        found.append({"role": "user", "content": [image]})
    turns = [*user(client, "hi"), *assistant(client, "", call), *found]
    got = ask(pair, body(client, turns, tool(client, "shot")))
    media = [p for m in got.again.messages for p in _media(m)]
    assert [one.data for one in media] == [PIXEL]
    assert "see" in got.wire.body.decode()
    blind, losses = without_media(got.request)
    assert [loss.what for loss in losses] == ["image for a model that reads text only"]
    assert [p for m in blind.messages for p in _media(m)] == []
    assert "this model reads text only" in str(blind)
    return names_of(got.losses)


def _media(message: Message) -> list[Media]:
    inner = [p for part in message.parts if isinstance(part, ToolResult) for p in part.parts]
    return [part for part in (*message.parts, *inner) if isinstance(part, Media)]
