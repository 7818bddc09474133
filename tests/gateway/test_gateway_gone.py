"""A client that leaves: the provider is left within a second and the row is settled once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from fault_case import NAMES, asking, faulty, path_of, until
from gateway_case import Case

from masterplan.providers.fake import Received, Reply

MODEL = NAMES["anthropic"]


@pytest.mark.parametrize("how", ["forwarded", "translated", "whole"])
async def test_client_when_it_leaves_then_the_provider_is_left_too_and_one_row_says_cancelled(
    tmp_path: Path, how: str
) -> None:
    reply = Reply(text="word " * 60, chunk_delay_s=0.02)
    if how == "whole":
        reply = Reply(delay_s=30)
    model = "haiku" if how == "translated" else MODEL
    client = "openai_chat" if how == "translated" else "anthropic"
    runs = 9
    async with faulty(tmp_path, [reply]) as case:
        for kept in range(runs):
            body = asking(client, model, f"go {kept}", stream=how != "whole")
            told = {"x-masterplan-token": case.address.token}
            url = case.address.base_url + path_of(client, model)
            if how == "whole":
                task = asyncio.ensure_future(case.session.post(url, json=body, headers=told))
                await until(lambda: case.fake.open_answers == 1)
                task.cancel()
            else:
                answer = await case.session.post(url, json=body, headers=told)
                for _ in range(kept):
                    await answer.content.readline()
                answer.close()
            took = await until(lambda: case.fake.open_answers == 0)
            assert took < 1.0
        await until(lambda: all(row.outcome for row in case.rows()))
        rows = case.rows()
        assert [row.outcome for row in rows] == ["cancelled"] * runs
        assert len(case.fake.received) == runs
        if how != "whole":
            assert {row.cost.quality for row in rows} <= {"estimated", "reported"}


async def test_client_when_it_leaves_before_the_provider_answers_then_all_is_settled(
    tmp_path: Path,
) -> None:
    async with faulty(tmp_path, [Reply(delay_s=30)]) as case:
        told = {"x-masterplan-token": case.address.token}
        url = case.address.base_url + "/v1/messages"
        body = asking("anthropic", MODEL)
        for wait in (0.0, 0.001, 0.002, 0.005, 0.01, 0.05):
            task = asyncio.ensure_future(case.session.post(url, json=body, headers=told))
            await asyncio.sleep(wait)
            task.cancel()
        await until(lambda: case.fake.open_answers == 0)
        await until(lambda: all(row.outcome == "cancelled" for row in case.rows()))


async def test_client_when_it_leaves_while_waiting_for_a_retry_then_no_further_attempt(
    tmp_path: Path,
) -> None:
    busy = Reply(status=529, headers={"retry-after-ms": "400"})
    async with faulty(tmp_path, [busy]) as case:
        told = {"x-masterplan-token": case.address.token}
        url = case.address.base_url + "/v1/messages"
        body = asking("anthropic", MODEL)
        task = asyncio.ensure_future(case.session.post(url, json=body, headers=told))
        await until(lambda: len(case.rows()) == 1 and not case.rows()[0].is_open)
        task.cancel()
        await asyncio.sleep(0.8)
        assert len(case.fake.received) == 1
        assert [row.outcome for row in case.rows()] == ["provider_error"]


async def test_usage_when_the_client_left_a_stream_then_what_was_shown_counts(
    tmp_path: Path,
) -> None:
    script = [Reply(text="word " * 400, chunk_delay_s=0.005)]
    async with faulty(tmp_path, script) as case:
        for client, model in (("openai_chat", "gpt-5.4"), ("anthropic", "gpt-5.4")):
            told = {"x-masterplan-token": case.address.token}
            url = case.address.base_url + path_of(client, model)
            body = asking(client, model, stream=True)
            answer = await case.session.post(url, json=body, headers=told)
            seen = b""
            while len(seen) < 6_000:
                seen += await answer.content.read(1_000)
            answer.close()
            await until(lambda: case.fake.open_answers == 0)
        await until(lambda: all(row.outcome for row in case.rows()))
        for row in case.rows():
            assert row.outcome == "cancelled"
            assert row.usage.source == "estimated"
            assert 20 <= row.usage.output_tokens <= 200
            assert row.cost.quality == "estimated"


async def test_client_when_it_asks_again_at_once_and_leaves_then_the_second_is_left_too(
    tmp_path: Path,
) -> None:
    """Both stand on one connection: the end of the first must not take the second's watch away."""

    def script(received: Received) -> Reply:
        return Reply(delay_s=30) if received.text == "slow" else Reply()

    async with faulty(tmp_path, script) as case:
        port = int(case.address.base_url.rpartition(":")[2])
        for client in ("anthropic", "openai_chat"):
            for is_stream in (False, True):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(
                    wire(case, client, "quick", is_stream=is_stream)
                    + wire(case, client, "slow", is_stream=is_stream)
                )
                assert (await reader.readline()).split()[1] == b"200"
                await until(lambda: case.fake.open_answers == 1)
                await asyncio.sleep(0.2)
                assert case.fake.open_answers == 1
                writer.close()
                assert await until(lambda: case.fake.open_answers == 0) < 1.0


def wire(case: Case, client: str, text: str, *, is_stream: bool) -> bytes:
    """Return a request as bytes, so that two can be sent on one connection."""
    body = json.dumps(asking(client, MODEL, text, stream=is_stream)).encode()
    head = (
        f"POST {path_of(client, MODEL)} HTTP/1.1",
        f"host: {case.address.base_url.removeprefix('http://')}",
        f"x-masterplan-token: {case.address.token}",
        f"content-length: {len(body)}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
