"""The routes that call no model: models, counts, decisions."""

from __future__ import annotations

from pathlib import Path

import pytest
from gateway_case import asking, gateway

TOKEN_KINDS = {"anthropic": "input_tokens", "gemini": "totalTokens"}


async def test_models_when_listed_then_each_dialects_client_reads_its_own_form(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path) as case:
        openai = (await case.get("/v1/models")).json
        assert openai["object"] == "list"
        by_anthropic = {"anthropic-version": "2023-06-01"}
        anthropic = (await case.get("/v1/models?limit=1000", headers=by_anthropic)).json
        gemini = (await case.get("/v1beta/models")).json
        names = [one["id"] for one in openai["data"]]  # type: ignore[attr-defined]
        assert names == [one["id"] for one in anthropic["data"]]  # type: ignore[attr-defined]
        assert [f"models/{name}" for name in names] == [
            one["name"]
            for one in gemini["models"]  # type: ignore[attr-defined]
        ]
        assert {"masterplan/auto", "masterplan/builder", "haiku", "claude-haiku-4-5"} <= {*names}
        one = (await case.get("/v1/models/haiku")).json
        assert one["id"] == "haiku"
        assert (await case.get("/v1/models/nothing-like-it")).status == 404


@pytest.mark.parametrize("dialect", ["anthropic", "gemini"])
@pytest.mark.parametrize("model", ["haiku", "gemini", "gpt"])
async def test_count_when_asked_then_the_providers_own_or_a_high_estimate_that_says_so(
    tmp_path: Path, dialect: str, model: str
) -> None:
    path = {
        "anthropic": "/v1/messages/count_tokens",
        "gemini": f"/v1beta/models/{model}:countTokens",
    }[dialect]
    is_native = (dialect, model) in (("anthropic", "haiku"), ("gemini", "gemini"))
    async with gateway(tmp_path) as case:
        got = await case.post(path, asking(dialect, model, "word " * 1_000))
        assert got.status == 200, got.body
        assert got.headers["x-masterplan-count"] == ("provider" if is_native else "estimated")
        assert case.fake.counted == is_native
        count = got.json[TOKEN_KINDS[dialect]]
        assert isinstance(count, int)
        assert 1_000 < count < 2_500
        assert case.fake.executions == 0
        assert case.rows() == []


async def test_count_when_the_model_is_unknown_then_404(tmp_path: Path) -> None:
    async with gateway(tmp_path) as case:
        got = await case.post("/v1/messages/count_tokens", asking("anthropic", "nothing"))
        assert got.status == 404


async def test_route_when_asked_then_the_decision_without_a_call(tmp_path: Path) -> None:
    async with gateway(tmp_path) as case:
        got = (await case.post("/v1/route", {"task": "design the storage layer"})).json
        assert got["model"] == "anthropic/claude-opus-4-6"
        assert got["role"] == "planner"
        assert isinstance(got["expected_cost_usd"], float)
        assert got["reasons"]
        wrong = await case.post("/v1/route", {"task": "", "knd": "x"})
        assert wrong.status == 400
        assert "task" in wrong.body.decode()
        assert "knd" in wrong.body.decode()
        assert case.fake.received == []


async def test_turn_when_no_bound_is_stated_then_the_models_own_holds(tmp_path: Path) -> None:
    async with gateway(tmp_path, budgets="") as case:
        got = await case.post("/v1/responses", asking("openai_responses", "haiku"))
        assert got.status == 200, got.body
        [received] = case.fake.received
        assert received.request.max_output_tokens == 64_000
    tight = tmp_path / "tight"
    tight.mkdir()
    async with gateway(tight, budgets='run = "$0.05"\nday = "$0.05"') as case:
        got = await case.post("/v1/responses", asking("openai_responses", "haiku"))
        assert got.status == 200, got.body
        assert "lowered from 64000" in got.headers["x-masterplan-notes"]
