"""Streams through the gateway end truthfully: whatever happens, no cut looks like success."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from fault_case import (
    NAMES,
    STREAMS,
    WORDS,
    asking,
    behind,
    chunk,
    delta,
    ends_with_error,
    error_of,
    event,
    faulty,
    last_of,
    path_of,
    read,
    spoken,
    text_of,
    until,
)
from faultproxy import Toxics
from gateway_case import MODELS, Case, Got

from masterplan.core.message import Failed, ToolCall
from masterplan.dialects import codec, collect
from masterplan.gateway.body import Caps
from masterplan.providers import Limits
from masterplan.providers.fake import Received, Reply

MODEL = NAMES["anthropic"]
ONCE = Limits(attempts=1, first_byte_s=5, idle_s=5)
SSE = {"content-type": "text/event-stream"}
SLICED = Toxics(slice_bytes=60, bandwidth=60_000)


def whole(dialect: str) -> bytes:
    """Return the stream's bytes."""
    return b"".join(STREAMS[dialect])


def sending(dialect: str, *events: bytes, **more: object) -> Reply:
    """Return the reply that sends these events."""
    return Reply(body=b"".join(events), headers=SSE, **more)  # type: ignore[arg-type]


async def ask(case: Case, client: str, model: str, text: str = "hello") -> Got:
    """Ask for a stream."""
    body = asking(client, model, text, stream=True)
    return await case.post(path_of(client, model, stream=True), body)


@pytest.mark.parametrize("dialect", STREAMS)
async def test_stream_when_whole_then_forwarded_to_the_byte(tmp_path: Path, dialect: str) -> None:
    async with faulty(tmp_path, [sending(dialect, whole(dialect))]) as case:
        got = await ask(case, dialect, NAMES[dialect])
        expected = whole(dialect)
        if dialect == "openai_chat":
            expected = expected.replace(STREAMS[dialect][-2], b"")
        assert got.body == expected
        assert read(dialect, got.body).outcome == "complete"


def cut_reply(received: Received) -> Reply:
    """Cut where the request says: `HOW at N of DIALECT`."""
    how, _, at, _, dialect = received.text.split()
    stream = whole(dialect)
    if how == "good":
        return sending(dialect, stream)
    if how == "clean":
        return sending(dialect, stream[: int(at)])
    with_: Literal["fin", "rst"] = "rst" if how == "rst" else "fin"
    return Reply(body=stream, headers=SSE, cut_at=int(at), cut_with=with_)


async def cut_all(case: Case, client: str, provider: str, cuts: list[tuple[str, int]]) -> None:
    """Ask for a stream cut at each place and hold every answer against what is promised."""
    model = NAMES[provider]
    for start in range(0, len(cuts), 7):
        batch = cuts[start : start + 7]  # one more in a row and the breaker opens
        words = [f"{how} at {at} of {provider}" for how, at in batch]
        answers = await asyncio.gather(*(ask(case, client, model, text) for text in words))
        for (how, at), got in zip(batch, answers, strict=True):
            if got.status == 200:
                assert read(client, got.body).outcome not in ("complete", None), (how, at, got.body)
                assert ends_with_error(client, got.body), (how, at, got.body)
                # What a person read is a beginning of the answer: never spliced, never doubled.
                assert "".join(WORDS).startswith(text_of(client, got.body)), (how, at, got.body)
            else:
                assert got.status in (502, 504), (how, at, got.body)
                assert error_of(client, got.body)["message"]
        good = await ask(case, client, model, f"good at 0 of {provider}")
        assert read(client, good.body).outcome == "complete", good.body


@pytest.mark.parametrize("dialect", STREAMS)
async def test_stream_when_ended_at_every_byte_then_never_a_success_and_a_native_error_last(
    tmp_path: Path, dialect: str
) -> None:
    size = len(whole(dialect))
    cuts = [("clean", at) for at in range(size)]
    cuts += [("fin", at) for at in range(0, size, 17)] + [("rst", at) for at in range(2, size, 41)]
    async with faulty(tmp_path, cut_reply, limits=ONCE, budgets="") as case:
        await cut_all(case, dialect, dialect, cuts)
        rows = [row for row in case.rows() if row.outcome != "complete"]
        assert len(rows) == len(cuts)
        assert {row.outcome for row in rows} <= {"cut", "provider_error", "protocol_error"}
        for row in rows:
            assert row.usage.source in ("reported", "estimated")
            assert row.cost.quality == row.usage.source
            assert row.usage.output_tokens <= 8_192


@pytest.mark.parametrize(
    ("client", "provider"),
    [
        ("anthropic", "openai_chat"),
        ("openai_chat", "gemini"),
        ("openai_responses", "anthropic"),
        ("gemini", "openai_responses"),
    ],
)
async def test_translated_stream_when_cut_then_never_a_success_and_a_native_error_last(
    tmp_path: Path, client: str, provider: str
) -> None:
    size = len(whole(provider))
    cuts = [("clean", at) for at in (*range(0, size, 13), *range(size - 4, size))]
    cuts += [("fin", at) for at in range(3, size, 61)]
    async with faulty(tmp_path, cut_reply, limits=ONCE, budgets="") as case:
        await cut_all(case, client, provider, cuts)


ERRORS: dict[str, bytes] = {
    "anthropic": event("error", error={"type": "overloaded_error", "message": "so very busy"}),
    "openai_chat": chunk(error={"message": "so very busy", "type": "server_error", "code": None}),
    "openai_responses": event(
        "response.failed",
        response={"id": "r", "error": {"code": "server_error", "message": "so very busy"}},
    ),
    "gemini": chunk(error={"code": 503, "message": "so very busy", "status": "UNAVAILABLE"}),
}
ALSO = """
[models.first]
id = "anthropic/claude-haiku-4-5"
also = "second/claude-haiku-4-5"
"""
SECOND = """
[providers.second]
dialect = "anthropic"
base_url = "{url}"
"""


@pytest.mark.parametrize("how", ["forwarded", "translated"])
@pytest.mark.parametrize("dialect", STREAMS)
async def test_stream_when_an_error_comes_then_tried_again_before_content_and_told_after_it(
    tmp_path: Path, dialect: str, how: str
) -> None:
    events = STREAMS[dialect]
    # Behind the part's start and before its text nothing of an answer was shown yet.
    opening = {"anthropic": 2, "openai_chat": 1, "openai_responses": 2, "gemini": 0}[dialect]
    client = dialect if how == "forwarded" else {"gemini": "anthropic"}.get(dialect, "gemini")
    model = NAMES[dialect]
    good, error = sending(dialect, whole(dialect)), ERRORS[dialect]
    script = [
        sending(dialect, error),
        good,
        sending(dialect, *events[:opening], error),
        good,
        sending(dialect, *events[: opening + 1], error),
        good,
    ]
    async with behind(tmp_path, script, SLICED) as case:
        for _ in range(2):
            got = await ask(case, client, model)
            assert text_of(client, got.body) == "a b c"
            assert last_of(client, got.body)
            assert read(client, got.body).outcome == "complete"
        got = await ask(case, client, model)
        assert text_of(client, got.body) == "a b"
        last = last_of(client, got.body)
        assert isinstance(last, Failed)
        assert "so very busy" in last.message
        assert ends_with_error(client, got.body)
        if client == "openai_responses":
            assert got.body.count(b"event: response.created") == 1
        assert len(case.fake.received) == 5
        outcomes = [row.outcome for row in case.rows()]
        assert outcomes.count("complete") == 2
        assert outcomes.count("provider_error") == 3


@pytest.mark.parametrize("client", MODELS)
async def test_stream_when_the_provider_falls_silent_then_an_error_at_the_limit_though_pings_flow(
    tmp_path: Path, client: str
) -> None:
    limits = Limits(attempts=1, first_byte_s=5, idle_s=0.6)
    stall = sum(map(len, STREAMS["openai_chat"][:2]))
    async with faulty(
        tmp_path,
        [Reply(body=whole("openai_chat"), headers=SSE, stall_at=stall)],
        limits=limits,
        caps=Caps(ping_s=0.1),
    ) as case:
        begin = asyncio.get_running_loop().time()
        got = await ask(case, client, "gpt-5.4")
        took = asyncio.get_running_loop().time() - begin
        assert 0.6 <= took < 1.6
        pings = got.body.count(b"event: ping" if client == "anthropic" else b": keep-alive")
        assert pings >= 3
        assert ends_with_error(client, got.body)
        assert text_of(client, got.body) == "a b"
        [row] = case.rows()
        assert row.outcome == "cut"
        assert row.error_code == "provider.stalled"


async def test_ping_when_the_answer_has_not_begun_then_none_and_later_only_between_events(
    tmp_path: Path,
) -> None:
    script = [Reply(text="x " * 40, delay_s=0.4, chunk_delay_s=0.13)]
    async with faulty(tmp_path, script, caps=Caps(ping_s=0.05)) as case:
        for client in ("anthropic", "openai_chat"):
            got = await ask(case, client, "haiku" if client == "openai_chat" else MODEL)
            ping = b"event: ping" if client == "anthropic" else b": keep-alive"
            first = got.body.split(b"\n\n")[0]
            assert ping not in first
            assert got.body.count(ping) >= 3
            for block in got.body.decode().strip().split("\n\n"):
                assert block.startswith(("event: ", "data: ", ": keep-alive")), block
                assert block.count("data: ") <= 1
            assert read(client, got.body).outcome == "complete"
            assert text_of(client, got.body) == "x " * 40


@pytest.mark.parametrize("dialect", STREAMS)
async def test_usage_when_the_provider_sends_none_then_estimated_and_said_so(
    tmp_path: Path, dialect: str
) -> None:
    async with faulty(tmp_path, [Reply(text="four words are here", usage="none")]) as case:
        got = await ask(case, dialect, NAMES[dialect])
        assert read(dialect, got.body).outcome == "complete", got.body
        [row] = case.rows()
        assert row.usage.source == "estimated"
        assert row.cost.quality == "estimated"
        assert 0 < row.usage.output_tokens <= 8_192


@pytest.mark.parametrize("is_asked", [False, True])
@pytest.mark.parametrize("provider", ["openai_chat", "anthropic"])
async def test_usage_chunk_when_the_client_did_not_ask_then_taken_out_else_kept(
    tmp_path: Path, is_asked: bool, provider: str
) -> None:
    model = NAMES[provider]
    async with faulty(tmp_path) as case:
        body = asking("openai_chat", model, stream=True)
        assert isinstance(body, dict)
        if is_asked:
            body["stream_options"] = {"include_usage": True}
        got = await case.post("/v1/chat/completions", body)
        blocks = [line for line in got.body.split(b"\n\n") if line.startswith(b"data: {")]
        usages = [block for block in blocks if json.loads(block[6:]).get("usage")]
        assert len(usages) == is_asked
        assert any(json.loads(block[6:])["choices"] == [] for block in blocks) is is_asked
        assert got.body.endswith(b"data: [DONE]\n\n")
        if provider == "openai_chat":
            sent = json.loads(case.fake.received[0].body)
            assert sent["stream_options"]["include_usage"] is True
        [row] = case.rows()
        assert row.usage.source == "reported"


@pytest.mark.parametrize("dialect", STREAMS)
async def test_stream_when_its_end_is_said_and_the_socket_kept_open_then_done_at_once(
    tmp_path: Path, dialect: str
) -> None:
    stream = whole(dialect)
    reply = Reply(body=stream, headers=SSE, stall_at=len(stream))
    async with faulty(tmp_path, [reply]) as case:
        for client in dict.fromkeys((dialect, "anthropic")):
            begin = asyncio.get_running_loop().time()
            got = await ask(case, client, NAMES[dialect])
            assert asyncio.get_running_loop().time() - begin < 0.5
            assert read(client, got.body).outcome == "complete"
        assert {row.outcome for row in case.rows()} == {"complete"}
        await until(lambda: case.fake.open_answers == 0)


async def test_stream_when_compressed_then_each_event_is_flushed(tmp_path: Path) -> None:
    headers = {"content-encoding": "gzip"}
    script = [Reply(text="a b c d e f g h i j k l m n o", headers=headers, chunk_delay_s=0.15)]
    async with faulty(tmp_path, script) as case:
        told = {"x-masterplan-token": case.address.token}
        url = case.address.base_url + "/v1/messages"
        body = asking("anthropic", MODEL, stream=True)
        loop = asyncio.get_running_loop()
        arrivals: list[float] = []
        received = b""
        async with case.session.post(url, json=body, headers=told) as answer:
            assert "content-encoding" not in answer.headers
            async for data in answer.content.iter_any():
                arrivals.append(loop.time())
                received += data
        assert read("anthropic", received).outcome == "complete"
        gaps = [later - before for before, later in pairwise(arrivals)]
        assert len([gap for gap in gaps if gap > 0.1]) >= 4


@pytest.mark.parametrize("client", MODELS)
async def test_arguments_when_5_mb_and_8_calls_at_once_then_each_whole(
    tmp_path: Path, client: str
) -> None:
    large = json.dumps({"text": "x" * 5_000_000})
    calls = [("write", large), *(("read", json.dumps({"n": number})) for number in range(7))]
    async with faulty(tmp_path, [Reply(text="", tool_calls=tuple(calls))]) as case:
        provider = "anthropic" if client == "openai_chat" else "openai_chat"
        model = MODELS[provider]
        body = asking(client, model, stream=False)
        got = await case.post(path_of(client, model), body)
        assert got.status == 200
        response = codec(spoken(client)).parse_response(got.body)
        arguments = [
            json.loads(part.arguments) for part in response.parts if isinstance(part, ToolCall)
        ]
        assert arguments == [json.loads(text) for _, text in calls]


def call_chunk(index: int, *, name: str = "", text: str = "", call_id: str = "") -> bytes:
    """Return a Chat chunk of one tool call."""
    function = {"arguments": text, **({"name": name} if name else {})}
    call: dict[str, object] = {"index": index, "function": function}
    if call_id:
        call |= {"id": call_id, "type": "function"}
    return chunk(id="c", model="gpt-5.4", choices=[delta(tool_calls=[call])])


CALL_END = chunk(id="c", choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])


@pytest.mark.parametrize("client", MODELS)
async def test_calls_when_interleaved_then_each_one_whole_and_in_order(
    tmp_path: Path, client: str
) -> None:
    pieces = [call_chunk(n, name="read", call_id=f"c{n}") for n in range(8)]
    for text in ('{"n', '":', "1}"):
        pieces += [call_chunk(n, text=text) for n in range(8)]
    events = [STREAMS["openai_chat"][0], *pieces, CALL_END, b"data: [DONE]\n\n"]
    async with faulty(tmp_path, [sending("openai_chat", *events)]) as case:
        got = await ask(case, client, "gpt-5.4")
        reader = read(client, got.body)
        assert reader.outcome == "complete", got.body
        response = collect(codec(spoken(client)).stream_reader().feed(got.body))
        calls = [part for part in response.parts if isinstance(part, ToolCall)]
        assert [json.loads(call.arguments) for call in calls] == [{"n": 1}] * 8


@pytest.mark.parametrize("client", MODELS)
async def test_call_when_its_arguments_are_cut_then_never_complete(
    tmp_path: Path, client: str
) -> None:
    events = [
        STREAMS["openai_chat"][0],
        call_chunk(0, name="read", call_id="c0", text='{"path": "/et'),
        CALL_END,
        b"data: [DONE]\n\n",
    ]
    async with faulty(tmp_path, [sending("openai_chat", *events)], limits=ONCE) as case:
        got = await ask(case, client, "gpt-5.4")
        if client != "openai_chat":
            assert got.status != 200 or read(client, got.body).outcome != "complete", got.body
        [row] = case.rows()
        assert row.outcome not in ("complete", None)


@pytest.mark.parametrize(
    "spoil",
    ["crlf", "comments", "unknown event", "id and retry", "separators in text", "bom", "no space"],
)
async def test_stream_when_its_form_is_rare_but_right_then_read_alike(
    tmp_path: Path, spoil: str
) -> None:
    stream, text = whole("anthropic"), "a b c"
    if spoil == "crlf":
        stream = stream.replace(b"\n", b"\r\n")
    elif spoil == "comments":
        stream = stream.replace(b"event: content_block_delta", b": x\n\nevent: content_block_delta")
    elif spoil == "unknown event":
        stream = (
            STREAMS["anthropic"][0]
            + event("brand_new", a=1)
            + stream[len(STREAMS["anthropic"][0]) :]
        )
    elif spoil == "id and retry":
        stream = stream.replace(b"event: ", b"id: 7\nretry: 10\nevent: ")
    elif spoil == "separators in text":
        text = "a\u2028\u0085\u000b\u000c b c"
        stream = stream.replace(
            b'"a b"', json.dumps("a\u2028\u0085\u000b\u000c b", ensure_ascii=False).encode()
        )
    elif spoil == "bom":
        stream = b"\xef\xbb\xbf" + stream
    else:
        stream = stream.replace(b"data: ", b"data:").replace(b"event: ", b"event:")
    async with faulty(tmp_path, [sending("anthropic", stream)]) as case:
        for client, model in (("anthropic", MODEL), ("openai_chat", "haiku")):
            got = await ask(case, client, model)
            assert read(client, got.body).outcome == "complete", got.body
            assert text_of(client, got.body) == text
            if client == "anthropic":
                assert got.body == stream


@pytest.mark.parametrize(
    "spoil", ["double stop", "double delta id", "no block stop", "jump", "after"]
)
async def test_stream_when_its_events_are_out_of_order_then_one_row_and_no_text_twice(
    tmp_path: Path, spoil: str
) -> None:
    events = [*STREAMS["anthropic"]]
    if spoil == "double stop":
        events.append(events[-1])
    elif spoil == "double delta id":
        events.insert(0, events[0])
    elif spoil == "no block stop":
        events = [one for one in events if b"content_block_stop" not in one]
    elif spoil == "jump":
        events = [one.replace(b'"index":0', b'"index":7') for one in events]
    else:
        events += [events[2], events[-1]]
    async with faulty(tmp_path, [sending("anthropic", *events)], limits=ONCE) as case:
        got = await ask(case, "openai_chat", "haiku")
        told = text_of("openai_chat", got.body) if got.status == 200 else ""
        assert told in ("", "a b c")
        [row] = case.rows()
        assert (row.outcome == "complete") is (got.status == 200)
        assert row.usage.output_tokens <= 9


@pytest.mark.parametrize("how", ["whole", "stream", "stream behind a comment"])
@pytest.mark.parametrize("client", ["openai_chat", "anthropic"])
async def test_served_when_another_model_then_an_error_that_names_both(
    tmp_path: Path, client: str, how: str
) -> None:
    reply = Reply(model="gpt-4o-mini")
    if how != "whole":
        lead = b": processing, please wait\n\n" * 6 if how != "stream" else b""
        stream = whole("openai_chat").replace(b"gpt-5.4", b"gpt-4o-mini")
        reply = sending("openai_chat", lead, stream)
    async with behind(tmp_path, [reply], SLICED) as case:
        body = asking(client, "gpt-5.4", stream=how != "whole")
        got = await case.post(path_of(client, "gpt-5.4"), body)
        assert got.status == 502, got.body
        message = str(error_of(client, got.body)["message"])
        assert "gpt-5.4" in message
        assert "gpt-4o-mini" in message
        [row] = case.rows()
        assert row.served_model == "gpt-4o-mini"
