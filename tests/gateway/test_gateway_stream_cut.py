"""Streams ended at every byte, whole and broken off: a client never takes one for a success."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from fault_case import (
    NAMES,
    ONCE,
    SSE,
    STREAMS,
    WORDS,
    ask,
    ends_with_error,
    error_of,
    faulty,
    read,
    sending,
    text_of,
    whole,
)
from gateway_case import Case

from masterplan.providers.fake import Received, Reply


async def test_stream_when_whole_then_forwarded_to_the_byte(tmp_path: Path) -> None:
    async with faulty(tmp_path, cut_reply) as case:
        for dialect in STREAMS:
            got = await ask(case, dialect, NAMES[dialect], f"good at 0 of {dialect}")
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
