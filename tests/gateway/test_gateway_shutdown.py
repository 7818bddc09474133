"""How the gateway ends: told once, told twice, killed; nothing is left unsettled afterwards."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest
from fault_case import NAMES, asking, ends_with_error, faulty, path_of, read, until
from gateway_case import MODELS, Got
from program_case import program

from masterplan.ledger import Ledger
from masterplan.providers.fake import Reply

SLOW = Reply(text="word " * 2_000, chunk_delay_s=0.02)


async def test_gateway_when_told_to_stop_then_running_answers_end_and_no_new_one_begins(
    tmp_path: Path,
) -> None:
    script = [Reply(text="word " * 30, chunk_delay_s=0.02)]
    async with program(tmp_path, script) as running:
        asked = [asyncio.ensure_future(running.ask("anthropic", NAMES["anthropic"])) for _ in "123"]
        await until(lambda: running.fake.open_answers == 3)
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientConnectorError):
            await running.ask("anthropic", NAMES["anthropic"])
        for got in await asyncio.gather(*asked):
            assert read("anthropic", got.body).outcome == "complete"
        assert await asyncio.wait_for(running.process.wait(), 5) == 0
        assert [row.outcome for row in running.rows()] == ["complete"] * 3


async def test_gateway_when_told_twice_then_each_stream_gets_its_error_and_all_is_settled(
    tmp_path: Path,
) -> None:
    async with program(tmp_path, [SLOW]) as running:
        pairs = [(client, NAMES[provider]) for client in MODELS for provider in MODELS] * 2
        asked = [asyncio.ensure_future(running.ask(*pair)) for pair in pairs]
        await until(lambda: running.fake.open_answers == len(pairs))
        await asyncio.sleep(0.5)
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        begin = asyncio.get_running_loop().time()
        running.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*asked)
        assert await asyncio.wait_for(running.process.wait(), 5) == 0
        assert asyncio.get_running_loop().time() - begin < 3
        for (client, _), got in zip(pairs, answers, strict=True):
            assert ends_with_error(client, got.body), got.body[-300:]
            assert b"gateway" in got.body[-600:]
        rows = running.rows()
        assert [row.outcome for row in rows] == ["cancelled"] * len(pairs)
        await until(lambda: running.fake.open_answers == 0)


async def test_gateway_when_killed_then_its_rows_are_unknown_and_none_is_open_after_a_restart(
    tmp_path: Path,
) -> None:
    async with program(tmp_path, [SLOW]) as running:
        asked = [
            asyncio.ensure_future(running.ask("anthropic", NAMES["anthropic"])) for _ in "12345"
        ]
        await until(lambda: running.fake.open_answers == 5)
        running.process.kill()
        await asyncio.gather(*asked, return_exceptions=True)
        await running.process.wait()
        assert [row.is_open for row in running.rows()] == [True] * 5
        with Ledger.open(running.books, must_exist=True) as ledger:
            assert len(ledger.recover()) == 5
            rows = ledger.attempts()
            assert ledger.verify() == []
        assert [row.outcome for row in rows] == ["unknown"] * 5
        assert all(row.is_held and row.cost.nano is None for row in rows)


@pytest.mark.parametrize("client", MODELS)
async def test_drain_when_its_time_is_over_then_a_native_error_and_whole_answers_503(
    tmp_path: Path, client: str
) -> None:
    asked: list[asyncio.Future[Got]] = []
    loop = asyncio.get_running_loop()
    async with faulty(tmp_path, [SLOW, Reply(delay_s=30)], drain_s=0.3) as case:
        for is_stream in (True, False):
            model = NAMES["anthropic"]
            body = asking(client, model, stream=is_stream)
            path = path_of(client, model, stream=is_stream)
            asked.append(asyncio.ensure_future(case.post(path, body)))
            await until(lambda: len(case.fake.received) == len(asked))
        await asyncio.sleep(0.2)
        begin = loop.time()
    assert 0.3 <= loop.time() - begin < 2.5
    stream, whole = await asyncio.gather(*asked)
    assert ends_with_error(client, stream.body)
    assert whole.status == 503
    assert b"gateway" in whole.body
