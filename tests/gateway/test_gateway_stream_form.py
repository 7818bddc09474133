"""Streams of a rare or broken form: read as the standard says, and never made whole in silence."""

from __future__ import annotations

import json
from pathlib import Path

from fault_case import (
    NAMES,
    ONCE,
    STREAMS,
    ask,
    asking,
    chunk,
    delta,
    event,
    faulty,
    path_of,
    read,
    sending,
    spoken,
    text_of,
    whole,
)
from gateway_case import MODELS

from masterplan.core.message import ToolCall
from masterplan.dialects import codec, collect
from masterplan.providers.fake import Received, Reply

MODEL = NAMES["anthropic"]


async def test_arguments_when_5_mb_and_8_calls_at_once_then_each_whole(tmp_path: Path) -> None:
    large = json.dumps({"text": "x" * 5_000_000})
    calls = [("write", large), *(("read", json.dumps({"n": number})) for number in range(7))]
    async with faulty(tmp_path, [Reply(text="", tool_calls=tuple(calls))]) as case:
        for client in MODELS:
            model = MODELS["anthropic" if client == "openai_chat" else "openai_chat"]
            got = await case.post(path_of(client, model), asking(client, model))
            assert got.status == 200
            parts = codec(spoken(client)).parse_response(got.body).parts
            given = [json.loads(part.arguments) for part in parts if isinstance(part, ToolCall)]
            assert given == [json.loads(text) for _, text in calls]


def call_chunk(index: int, *, name: str = "", text: str = "", call_id: str = "") -> bytes:
    """Return a Chat chunk of one tool call."""
    function = {"arguments": text, **({"name": name} if name else {})}
    call: dict[str, object] = {"index": index, "function": function}
    if call_id:
        call |= {"id": call_id, "type": "function"}
    return chunk(id="c", model="gpt-5.4", choices=[delta(tool_calls=[call])])


CALL_END = chunk(id="c", choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])


async def test_calls_when_interleaved_then_each_one_whole_and_in_order(tmp_path: Path) -> None:
    pieces = [call_chunk(n, name="read", call_id=f"c{n}") for n in range(8)]
    for text in ('{"n', '":', "1}"):
        pieces += [call_chunk(n, text=text) for n in range(8)]
    events = [STREAMS["openai_chat"][0], *pieces, CALL_END, b"data: [DONE]\n\n"]
    async with faulty(tmp_path, [sending("openai_chat", *events)]) as case:
        for client in MODELS:
            got = await ask(case, client, "gpt-5.4")
            assert read(client, got.body).outcome == "complete", got.body
            response = collect(codec(spoken(client)).stream_reader().feed(got.body))
            calls = [part for part in response.parts if isinstance(part, ToolCall)]
            assert [json.loads(call.arguments) for call in calls] == [{"n": 1}] * 8


async def test_call_when_its_arguments_are_cut_then_never_complete(tmp_path: Path) -> None:
    events = [
        STREAMS["openai_chat"][0],
        call_chunk(0, name="read", call_id="c0", text='{"path": "/et'),
        CALL_END,
        b"data: [DONE]\n\n",
    ]
    async with faulty(tmp_path, [sending("openai_chat", *events)], limits=ONCE) as case:
        for client in MODELS:
            got = await ask(case, client, "gpt-5.4")
            assert got.status != 200 or read(client, got.body).outcome != "complete", got.body
        assert "complete" not in [row.outcome for row in case.rows()]


FIRST = STREAMS["anthropic"][0]
ODD = "a\u2028\u0085\u000b\u000c b"
RARE: dict[str, bytes] = {
    "crlf": whole("anthropic").replace(b"\n", b"\r\n"),
    "comments": whole("anthropic").replace(b"event: content", b": x\n\nevent: content"),
    "unknown": FIRST + event("brand_new", a=1) + whole("anthropic").removeprefix(FIRST),
    "fields": whole("anthropic").replace(b"event: ", b"id: 7\nretry: 10\nevent: "),
    "odd": whole("anthropic").replace(b'"a b"', json.dumps(ODD, ensure_ascii=False).encode()),
    "bom": b"\xef\xbb\xbf" + whole("anthropic"),
    "spaceless": whole("anthropic").replace(b"data: ", b"data:").replace(b"event: ", b"event:"),
}


async def test_stream_when_its_form_is_rare_but_right_then_read_alike(tmp_path: Path) -> None:
    async with faulty(tmp_path, lambda received: sending("anthropic", RARE[received.text])) as case:
        for form, stream in RARE.items():
            got = await ask(case, "anthropic", MODEL, form)
            assert got.body == stream
            for client, model in (("openai_chat", "haiku"), ("gemini", "haiku")):
                got = await ask(case, client, model, form)
                assert read(client, got.body).outcome == "complete", got.body
                assert text_of(client, got.body) == (f"{ODD} c" if form == "odd" else "a b c")


EVENTS = STREAMS["anthropic"]
DISORDER: dict[str, list[bytes]] = {
    "double stop": [*EVENTS, EVENTS[-1]],
    "double start": [EVENTS[0], *EVENTS],
    "no block stop": [one for one in EVENTS if b"content_block_stop" not in one],
    "jump": [one.replace(b'"index":0', b'"index":7') for one in EVENTS],
    "after the end": [*EVENTS, EVENTS[2], EVENTS[-1]],
}


async def test_stream_when_its_events_are_out_of_order_then_one_row_and_no_text_twice(
    tmp_path: Path,
) -> None:
    def script(received: Received) -> Reply:
        return sending("anthropic", *DISORDER[received.text])

    async with faulty(tmp_path, script, limits=ONCE) as case:
        for number, disorder in enumerate(DISORDER):
            got = await ask(case, "openai_chat", "haiku", disorder)
            told = text_of("openai_chat", got.body) if got.status == 200 else ""
            assert told in ("", "a b c")
            rows = case.rows()
            assert len(rows) == number + 1
            assert (rows[-1].outcome == "complete") is (got.status == 200)
            assert rows[-1].usage.output_tokens <= 9
