"""The one door to models: a durable row first, one settlement, and served equals routed."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pipe_case import BUILD, GEMINI, GPT, HAIKU, Case, asking, piped

from masterplan.core.errors import BudgetError, GuardError, ProviderError, SubstitutionError
from masterplan.core.task import Task
from masterplan.core.usage import Usage
from masterplan.ledger import AttemptRow, Ledger
from masterplan.providers.fake import Received, Reply


@pytest.mark.parametrize("model", [HAIKU, GEMINI, GPT])
async def test_attempt_when_the_request_arrives_then_its_row_is_on_disk_and_open(
    tmp_path: Path, model: str
) -> None:
    seen: list[list[AttemptRow]] = []

    def script(_: Received) -> Reply:
        with Ledger.open(tmp_path / "ledger.sqlite", must_exist=True) as books:
            seen.append(books.attempts())
        return Reply(status=429) if len(seen) == 1 else Reply("done")

    async with piped(tmp_path, script) as case:
        reply = await case.pipe.call(replace(BUILD, model=model), asking())
        rows = case.rows()
    assert [[row.is_open for row in rows] for rows in seen] == [[True], [False, True]]
    assert all(row.is_held and row.worst_case_nano for row in seen[0])
    assert tuple(row.id for row in rows) == reply.attempts
    assert [(row.outcome, row.status, row.try_number) for row in rows] == [
        ("provider_error", 429, 1),
        ("complete", 200, 2),
    ]
    assert rows[1].retry_of == rows[0].id
    assert (rows[0].cost.nano, rows[0].cost.quality) == (0, "reported")


async def test_attempt_when_settled_then_all_of_it_is_in_the_books(tmp_path: Path) -> None:
    usage = Usage(1_000, 200, cache_read_tokens=300, cache_write_5m_tokens=100)
    async with piped(tmp_path, [Reply("fine", usage=usage)]) as case:
        task = replace(BUILD, lane="build m", purpose="try 2", model="haiku")
        reply = await case.pipe.call(task, asking())
        (row,) = case.rows()
    assert (row.run, row.module, row.role, row.kind) == ("r1", "m", "builder", "codegen")
    assert (row.lane, row.purpose, row.model) == ("build m", "try 2", HAIKU)
    assert (row.provider, row.requested_model, row.served_model) == (
        "anthropic",
        "claude-haiku-4-5",
        "claude-haiku-4-5",
    )
    assert row.usage == replace(usage, source="reported")
    assert row.cost.nano == 600 * 1_000 + 300 * 100 + 100 * 1_250 + 200 * 5_000
    assert reply.cost.reported_nano == row.cost.nano
    assert row.price_version.startswith("genai-prices-")
    assert json.loads(row.decision_json)["model"] == HAIKU
    assert row.duration_s is not None
    assert not row.is_held


async def test_decision_when_pinned_then_it_is_called_and_kept(tmp_path: Path) -> None:
    async with piped(tmp_path, [Reply("fine")]) as case:
        pinned = case.pipe.router.route(replace(BUILD, model="gemini"))
        reply = await case.pipe.call(BUILD, asking(), decision=pinned)
        assert reply.decision == pinned
        assert case.pipe.router.route(BUILD).model == HAIKU
        assert [one.model for one in case.fake.received] == ["gemini-3.1-pro-preview"]
        assert [row.model for row in case.rows()] == [GEMINI]


async def test_request_when_it_names_a_model_then_the_decided_one_is_asked(tmp_path: Path) -> None:
    async with piped(tmp_path) as case:
        await case.pipe.call(BUILD, replace(asking(), model="claude-opus-4-6"))
        assert [one.model for one in case.fake.received] == ["claude-haiku-4-5"]


async def test_output_when_more_is_asked_than_the_model_can_then_its_own_limit(
    tmp_path: Path,
) -> None:
    async with piped(tmp_path) as case:
        await case.pipe.call(BUILD, asking(max_output_tokens=999_999))
        await case.pipe.call(BUILD, asking(max_output_tokens=None))
        asked = [one.request.max_output_tokens for one in case.fake.received]
    assert asked == [64_000, 8_192]


async def test_floor_when_a_task_is_below_it_then_nothing_is_sent(tmp_path: Path) -> None:
    plan = Task("Plan it", kind="planning", role="planner", run="r1", model="haiku")
    async with piped(tmp_path) as case:
        with pytest.raises(GuardError) as refused:
            await case.pipe.call(plan, asking())
        assert refused.value.code == "guard.floor"
        assert (case.fake.received, case.rows()) == ([], [])
        excused = replace(plan, labels={"override": "a trial"})
        reply = await case.pipe.call(excused, asking())
    assert any("a trial" in text for text in reply.decision.overrides)


async def test_trace_when_called_then_told_of_the_decision_before_it_is_sent(
    tmp_path: Path,
) -> None:
    told: list[tuple[str, int]] = []
    async with piped(tmp_path) as case:
        pipe = replace(
            case.pipe, trace=lambda task, one: told.append((one.model, len(case.fake.received)))
        )
        await pipe.call(BUILD, asking())
    assert told == [(HAIKU, 0)]


# --- served equals routed ---


@pytest.mark.parametrize(
    ("model", "served"),
    [
        (HAIKU, "claude-haiku-4-5-20251001"),
        (GPT, "gpt-5.4-2026-03-05"),
        (GEMINI, "gemini-3.1-pro"),
    ],
)
async def test_served_when_a_dated_id_of_the_same_model_then_no_substitution(
    tmp_path: Path, model: str, served: str
) -> None:
    async with piped(tmp_path, [Reply("fine", model=served)]) as case:
        reply = await case.pipe.call(replace(BUILD, model=model), asking())
        (row,) = case.rows()
    assert reply.response.model == served
    assert (row.served_model, row.cost.quality) == (served, "reported")


async def test_substitution_when_the_model_is_known_then_both_names_and_its_own_price(
    tmp_path: Path,
) -> None:
    usage = Usage(1_000, 100)
    script = [Reply("fine", model="claude-haiku-4-5-20251001", usage=usage)]
    plan = Task("Plan it", kind="planning", role="planner", run="r1")
    async with piped(tmp_path, script) as case:
        with pytest.raises(SubstitutionError) as error:
            await case.pipe.call(plan, asking())
        (row,) = case.rows()
    found = error.value
    assert (found.code, found.requested) == ("provider.substitution", "claude-opus-4-6")
    assert found.served == "claude-haiku-4-5-20251001"
    assert "'claude-opus-4-6' and served 'claude-haiku-4-5-20251001'" in str(found)
    assert "below the floor of planning" in str(found)
    assert (row.model, row.served_model) == ("anthropic/claude-opus-4-6", found.served)
    assert (row.outcome, row.is_open) == ("complete", False)
    assert row.cost.nano == 1_000 * 1_000 + 100 * 5_000


async def test_substitution_when_it_would_be_fit_then_refused_and_said_that_it_is(
    tmp_path: Path,
) -> None:
    script = [Reply("fine", model="claude-opus-4-6", usage=Usage(1_000, 100))]
    async with piped(tmp_path, script) as case:
        with pytest.raises(SubstitutionError) as error:
            await case.pipe.call(BUILD, asking())
        (row,) = case.rows()
    assert "stands in for anthropic/claude-haiku-4-5: it has what this codegen" in str(error.value)
    assert "name the served model in masterplan.toml" in error.value.mend
    assert row.cost.nano == 1_000 * 5_000 + 100 * 25_000


async def test_substitution_when_nobody_knows_it_then_its_cost_is_unknown_and_stays_held(
    tmp_path: Path,
) -> None:
    async with piped(tmp_path, [Reply("fine", model="mystery-9")]) as case:
        with pytest.raises(SubstitutionError) as error:
            await case.pipe.call(BUILD, asking())
        (row,) = case.rows()
    assert "mystery-9 is not in the catalog" in str(error.value)
    assert (row.cost.nano, row.cost.quality, row.is_held) == (None, "unknown", True)
    assert row.usage.source == "reported"


# --- budgets ---


async def test_budget_when_short_then_the_output_bound_is_lowered_and_said(tmp_path: Path) -> None:
    async with piped(tmp_path, budgets='run = "$0.01"') as case:
        reply = await case.pipe.call(BUILD, asking(max_output_tokens=8_000))
        (asked,) = case.fake.received
        (row,) = case.rows()
    bound = asked.request.max_output_tokens
    assert bound is not None
    assert 256 <= bound < 2_000
    assert reply.notes == (f"output bound lowered from 8000 to {bound}: budget is short",)
    assert row.worst_case_nano is not None
    assert 10_000_000 - 5_000 <= row.worst_case_nano <= 10_000_000


async def test_budget_when_wide_then_nothing_is_changed_or_said(tmp_path: Path) -> None:
    async with piped(tmp_path, budgets='run = "$5"\nday = "$5"\nmodule = "$1"') as case:
        reply = await case.pipe.call(BUILD, asking(max_output_tokens=8_000))
        assert reply.notes == ()
        assert case.fake.received[0].request.max_output_tokens == 8_000


@pytest.mark.parametrize("scope", ["run", "day", "month", "module"])
async def test_budget_when_there_is_no_room_then_nothing_is_sent_or_written(
    tmp_path: Path, scope: str
) -> None:
    async with piped(tmp_path, budgets=f'{scope} = "$0.001"') as case:
        with pytest.raises(BudgetError) as error:
            await case.pipe.call(BUILD, asking())
        assert scope in str(error.value)
        assert (case.fake.received, case.rows()) == ([], [])


async def test_budget_when_the_module_states_its_own_then_that_one_holds(tmp_path: Path) -> None:
    own = replace(BUILD, labels={"module_cap_nano": "1000000"})
    async with piped(tmp_path, budgets='module = "$5"') as case:
        with pytest.raises(BudgetError):
            await case.pipe.call(own, asking())
        await case.pipe.call(replace(own, module=""), asking())


async def test_budget_when_many_call_at_once_then_never_passed(tmp_path: Path) -> None:
    price = 1_000 * 1_000 + 1_000 * 5_000
    script = [Reply("fine", usage=Usage(1_000, 1_000))]
    request = asking("x" * 984)
    async with piped(tmp_path, script, budgets='run = "$0.03"') as case:
        calls = (case.pipe.call(BUILD, request) for _ in range(12))
        done = await asyncio.gather(*calls, return_exceptions=True)
        spent = sum(row.cost.nano or 0 for row in case.rows())
        executed = case.fake.executions
    refused = [one for one in done if isinstance(one, BudgetError)]
    assert spent == executed * price
    assert spent <= 30_000_000
    assert len(refused) == 12 - executed > 0


@pytest.mark.parametrize("model", [HAIKU, GEMINI, GPT])
async def test_worst_case_when_every_byte_is_a_token_then_it_covers_the_bill(
    tmp_path: Path, model: str
) -> None:
    text = "7 " * 2_000

    def script(received: Received) -> Reply:
        bound = received.request.max_output_tokens or 0
        return Reply("7", usage=Usage(len(text), bound))

    async with piped(tmp_path, script) as case:
        await case.pipe.call(replace(BUILD, model=model), asking(text))
        (row,) = case.rows()
    assert row.worst_case_nano is not None
    assert row.cost.nano is not None
    assert row.cost.nano <= row.worst_case_nano


async def test_price_when_unknown_then_no_call_under_a_cap_and_no_zero_without(
    tmp_path: Path,
) -> None:
    models = 'odd = { id = "openai/gpt-nobody-knows", is_free = false }'
    task = replace(BUILD, model="odd")
    async with piped(tmp_path, budgets='day = "$5"', models=models) as case:
        with pytest.raises(BudgetError):
            await case.pipe.call(task, asking())
        assert case.fake.received == []
    async with piped(tmp_path, budgets="", models=models) as case:
        reply = await case.pipe.call(task, asking())
        (row,) = case.rows()
    assert (row.cost.nano, reply.cost.unknown_count) == (None, 1)


async def test_provider_when_it_refuses_the_key_then_one_free_attempt_and_its_error(
    tmp_path: Path,
) -> None:
    async with piped(tmp_path, [Reply(status=401)]) as case:
        with pytest.raises(ProviderError) as error:
            await case.pipe.call(BUILD, asking())
        (row,) = case.rows()
    assert error.value.status == 401
    assert (row.status, row.cost.nano, row.is_held) == (401, 0, False)
    assert row.error_code == error.value.code


async def test_call_when_cancelled_then_settled_once_at_unknown_cost(tmp_path: Path) -> None:
    async with piped(tmp_path, [Reply("late", delay_s=30)]) as case:
        call = asyncio.create_task(case.pipe.call(BUILD, asking()))
        while not case.fake.received:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        (row,) = case.rows()
    assert (row.outcome, row.cost.nano, row.is_held) == ("cancelled", None, True)


@pytest.mark.parametrize("model", [HAIKU, GEMINI, GPT])
async def test_answer_when_it_may_be_long_then_it_comes_as_a_stream_and_is_whole(
    tmp_path: Path, model: str
) -> None:
    streamed: list[bool] = []

    def script(received: Received) -> Reply:
        streamed.append(received.request.is_stream)
        return Reply("one two three", usage=Usage(10, 20))

    async with piped(tmp_path, script) as case:
        short = await case.pipe.call(replace(BUILD, model=model), asking())
        long = replace(asking(), max_output_tokens=32_000)
        reply = await case.pipe.call(replace(BUILD, model=model), long)
        rows = case.rows()
    assert streamed == [False, True]
    assert reply.response.text == short.response.text == "one two three"
    assert rows[0].usage == rows[1].usage
    assert rows[1].outcome == "complete"


async def test_answer_when_its_stream_is_cut_then_an_error_and_a_settled_row(
    tmp_path: Path,
) -> None:
    async with piped(tmp_path, [Reply("one two three " * 20, cut_at=700)]) as case:
        long = replace(asking(), max_output_tokens=32_000)
        with pytest.raises(ProviderError):
            await case.pipe.call(replace(BUILD, model=HAIKU), long)
        (row,) = case.rows()
    assert row.outcome == "cut"
    assert row.cost.quality == "estimated"


async def test_budget_when_calls_eat_it_up_then_the_last_ones_are_lowered_and_it_is_not_passed(
    tmp_path: Path,
) -> None:
    def script(received: Received) -> Reply:
        return Reply("fine", usage=Usage(10, received.request.max_output_tokens or 0))

    notes: list[str] = []

    async def spend(case: Case) -> None:
        for _ in range(20):
            notes.extend((await case.pipe.call(BUILD, asking(max_output_tokens=1_000))).notes)

    async with piped(tmp_path, script, budgets='run = "$0.05"') as case:
        with pytest.raises(BudgetError):
            await spend(case)
        rows = case.rows()
        asked = [one.request.max_output_tokens for one in case.fake.received]
    assert asked[:8] == [1_000] * 8
    assert 0 < len(notes) < 4
    assert sum(row.cost.nano or 0 for row in rows) <= 50_000_000
