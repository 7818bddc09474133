"""Budgets and books through the gateway's door: nothing is sent that is not covered and written."""

from __future__ import annotations

import asyncio
import json
import resource
from pathlib import Path

import pytest
from fault_case import NAMES, asking, error_of, faulty, path_of, until
from gateway_case import MODELS, Got
from program_case import Program, program

from masterplan.core.usage import Usage
from masterplan.providers.fake import Received, Reply

MODEL = NAMES["anthropic"]
FIELDS: dict[str, tuple[str, ...]] = {
    "anthropic": ("max_tokens",),
    "openai_chat": ("max_tokens", "max_completion_tokens"),
    "openai_responses": ("max_output_tokens",),
    "gemini": ("generationConfig", "maxOutputTokens"),
}


def notes_of(got: Got) -> str:
    """Return what the gateway says it changed."""
    return got.headers.get("x-masterplan-notes", "")


def bound_of(received: Received) -> int:
    """Return the output bound of a request as the provider got it."""
    bound = received.request.max_output_tokens
    assert bound is not None
    return bound


async def test_output_when_money_is_short_then_lowered_and_said_and_the_rest_untouched(
    tmp_path: Path,
) -> None:
    async with faulty(tmp_path, budgets='day = "$0.08"') as case:
        for client in MODELS:
            for provider in (client, "anthropic"):
                body = asking(client, NAMES[provider])
                assert isinstance(body, dict)
                if client == "gemini":
                    body["generationConfig"] = {"maxOutputTokens": 30_000, "temperature": 0.5}
                elif client == "openai_chat":
                    body["max_completion_tokens"] = 30_000
                else:
                    body[FIELDS[client][0]] = 30_000
                got = await case.post(path_of(client, NAMES[provider]), body)
                assert got.status == 200, got.body
                received = case.fake.received[-1]
                lowered = bound_of(received)
                assert 256 <= lowered < 30_000
                assert f"from 30000 to {lowered}" in notes_of(got)
                assert "budget" in notes_of(got)
                if client == provider:
                    text = json.dumps(body).replace("30000", str(lowered))
                    assert received.body == text.encode()


async def test_output_when_no_bound_is_stated_and_money_is_short_then_one_is_put_in(
    tmp_path: Path,
) -> None:
    async with faulty(tmp_path, budgets='day = "$0.01"') as case:
        for client in ("openai_chat", "openai_responses", "gemini"):
            got = await case.post(path_of(client, NAMES[client]), asking(client, NAMES[client]))
            assert got.status == 200, got.body
            assert 256 <= bound_of(case.fake.received[-1]) < 8_192
            assert "lowered" in notes_of(got)


@pytest.mark.parametrize("budget", ['day = "$0.0001"', 'month = "$0.0001"'])
async def test_budget_when_spent_then_402_in_the_clients_dialect_and_no_call(
    tmp_path: Path, budget: str
) -> None:
    async with faulty(tmp_path, budgets=budget) as case:
        for client in MODELS:
            for is_stream in (False, True):
                body = asking(client, MODEL, stream=is_stream)
                got = await case.post(path_of(client, MODEL, stream=is_stream), body)
                assert got.status == 402
                message = str(error_of(client, got.body)["message"])
                assert "budget" in message
                assert budget.split()[0] in message
                assert f"raise the {budget.split()[0]} budget" in message
        assert case.fake.received == []
        assert case.rows() == []


async def test_budget_when_100_ask_at_once_for_some_rounds_then_never_passed(
    tmp_path: Path,
) -> None:
    # Each costs 2 cents at most and 1 cent in truth, and there is one dollar.
    reply = Reply(usage=Usage(1_000, 1_800, source="reported"))
    cap = 1_000_000_000
    async with faulty(tmp_path, [reply], budgets='day = "$1"') as case:
        for number in range(4):
            body = asking("anthropic", MODEL, f"round {number}")
            assert isinstance(body, dict)
            body["max_tokens"] = 4_000
            client = ("anthropic", "openai_chat")[number % 2]
            work = [case.post(path_of(client, MODEL), body | {"model": MODEL}) for _ in range(100)]
            answers = await asyncio.gather(*work)
            assert {got.status for got in answers} <= {200, 402}
            rows = case.rows()
            assert sum(row.cost.nano or 0 for row in rows) <= cap
            assert len(rows) == case.fake.executions
        assert 402 in {got.status for got in answers}
        rows = case.rows()
        assert all(row.outcome == "complete" for row in rows)
        assert not any(row.is_held for row in rows)


async def test_budget_when_a_storm_of_clients_left_then_only_what_was_settled_is_gone(
    tmp_path: Path,
) -> None:
    script = [Reply(text="word " * 200, chunk_delay_s=0.02)]
    async with faulty(tmp_path, script, budgets='day = "$1"') as case:
        told = {"x-masterplan-token": case.address.token}
        url = case.address.base_url + "/v1/messages"
        body = asking("anthropic", MODEL, stream=True)
        for _ in range(4):
            answers = await asyncio.gather(
                *(case.session.post(url, json=body, headers=told) for _ in range(10))
            )
            for answer in answers:
                answer.close()
            await until(lambda: case.fake.open_answers == 0)
        await until(lambda: all(row.outcome for row in case.rows()))
        rows = case.rows()
        assert [row.outcome for row in rows] == ["cancelled"] * 40
        assert not any(row.is_held for row in rows)
        assert all(row.cost.nano is not None for row in rows)


async def refused_everywhere(running: Program) -> None:
    """Hold that each dialect is told that nothing can be written, and that nothing was sent."""
    before = len(running.fake.received)
    for client in MODELS:
        for is_stream in (False, True):
            got = await running.ask(client, MODEL, stream=is_stream)
            assert got.status == 503, got.body
            message = str(error_of(client, got.body)["message"])
            assert "ledger" in message or "disk" in message
    assert len(running.fake.received) == before


async def test_ledger_when_its_disk_is_full_then_no_call_and_it_recovers_with_space(
    tmp_path: Path,
) -> None:
    async with program(tmp_path, [Reply()]) as running:
        assert (await running.ask("anthropic", MODEL)).status == 200
        pid = running.process.pid
        free = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        await refused_everywhere(running)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, free)
        assert (await running.ask("anthropic", MODEL)).status == 200
        assert [row.outcome for row in running.rows()] == ["complete"] * 2


async def test_ledger_when_its_disk_fills_in_a_stream_then_an_error_last_and_no_success(
    tmp_path: Path,
) -> None:
    async with program(tmp_path, [Reply(text="word " * 40, chunk_delay_s=0.02)]) as running:
        asked = asyncio.ensure_future(running.ask("anthropic", MODEL))
        await until(lambda: running.fake.open_answers == 1)
        await asyncio.sleep(0.1)
        pid = running.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        got = await asked
        assert b"message_stop" not in got.body
        assert b"event: error" in got.body


@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_ledger_when_its_file_goes_while_open_then_no_call_and_no_new_ledger(
    tmp_path: Path, how: str
) -> None:
    async with program(tmp_path, [Reply()]) as running:
        assert (await running.ask("anthropic", MODEL)).status == 200
        running.books.rename(running.books.with_suffix(".gone"))
        if how == "replaced":
            running.books.write_bytes(running.books.with_suffix(".gone").read_bytes())
        await asyncio.sleep(0.1)
        await refused_everywhere(running)
        assert running.books.exists() is (how == "replaced")
