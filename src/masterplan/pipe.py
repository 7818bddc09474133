"""One request's way: decision → reserve → attempt → settle, and there is no other way out.

Owns the order of these steps, the estimate where a provider reports no usage, and the check that
what was served is what was decided. Must not know prompts, specs or who calls. The planner and
the builders call it in process.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from masterplan.catalog import Catalog, Prices
from masterplan.core.decision import Decision
from masterplan.core.errors import SubstitutionError
from masterplan.core.message import Media, Reasoning, Request, Response, Text, ToolCall, ToolResult
from masterplan.core.model import ModelCard
from masterplan.core.money import UNKNOWN, Cost, Spend
from masterplan.core.task import Task
from masterplan.core.usage import Usage
from masterplan.dialects import collect
from masterplan.ledger import Cap, Intent, Ledger, Settlement
from masterplan.policy import Policy
from masterplan.providers import AttemptResult, Caller
from masterplan.routing import Router

Locate = Callable[[ModelCard], Awaitable[str]]
"""The name of the provider to call for a card; may start a server of the user's first."""

Trace = Callable[[Task, Decision], None]

DEFAULT_OUTPUT_TOKENS = 8_192
"""The output bound of a request that states none, so that its worst case is known."""

STREAM_ABOVE_TOKENS = 8_192
"""Answers that may be longer come as a stream: minutes of silence look like a dead line."""

SMALLEST_OUTPUT_TOKENS = 256
"""Below this an answer is of no use, so a budget that has room for less refuses the call."""

_MEDIA_TOKENS = 3_000


@dataclass(frozen=True)
class Reply:
    """An answer with the decision behind it, the ledger ids of its attempts and their cost.

    ``notes`` says what was changed on the way: an output bound that a budget lowered.
    """

    decision: Decision
    response: Response
    attempts: tuple[str, ...]
    cost: Spend
    notes: tuple[str, ...] = ()


async def _at_home(card: ModelCard) -> str:
    return card.provider


def _untraced(task: Task, decision: Decision) -> None:
    return None


@dataclass(frozen=True)
class Pipe:
    """The one door to models."""

    policy: Policy
    catalog: Catalog
    prices: Prices
    router: Router
    ledger: Ledger
    caller: Caller
    clock: Callable[[], float] = time.time
    locate: Locate = _at_home
    trace: Trace = _untraced

    async def call(
        self, task: Task, request: Request, *, decision: Decision | None = None
    ) -> Reply:
        """Send a request for a task and return the whole answer.

        ``decision`` pins a model that was decided before (a rung of a ladder); otherwise the
        router decides. ``request.model`` is replaced by the decided model's name. Raises
        BudgetError, LedgerError, ProviderError, SubstitutionError or RoutingError.
        """
        chosen = decision or self.router.route(task)
        self.trace(task, chosen)
        card = self.catalog.card(chosen.model)
        wanted = request.max_output_tokens or DEFAULT_OUTPUT_TOKENS
        bounded = replace(
            request,
            model=card.wire_name,
            effort=chosen.effort or request.effort,
            max_output_tokens=min(wanted, card.max_output_tokens),
        )
        books = _Books(self, task, chosen, card, bounded)
        fitted, notes = await books.fit()
        provider = await self.locate(card)
        response = await self._answer(provider, fitted, books)
        self._ensure_served(task, chosen, card, response)
        return Reply(chosen, response, tuple(books.attempts), books.spend, notes)

    async def _answer(self, provider: str, request: Request, books: _Books) -> Response:
        """Return the whole answer; a long one comes as a stream, so that silence is noticed."""
        if (request.max_output_tokens or 0) <= STREAM_ABOVE_TOKENS:
            return await self.caller.complete(provider, request, on_attempt=books)
        events = self.caller.stream(provider, request, on_attempt=books)
        async with contextlib.aclosing(events):
            return collect([event async for event in events])

    def _ensure_served(
        self, task: Task, decision: Decision, card: ModelCard, response: Response
    ) -> None:
        if self.catalog.is_served(card, response.model):
            return
        verdict = self.router.check_substitution(decision, response.model, task)
        raise SubstitutionError(
            "provider.substitution",
            f"{card.provider} was asked for {card.wire_name!r} and served {response.model!r}: "
            + "; ".join(verdict.reasons),
            mend="ask the provider why, or name the served model in masterplan.toml if you want it",
            provider=card.provider,
            requested=card.wire_name,
            served=response.model,
        )


class _Books:
    """Brackets every attempt of one request with a reservation and its settlement."""

    def __init__(
        self, pipe: Pipe, task: Task, decision: Decision, card: ModelCard, request: Request
    ) -> None:
        self._pipe, self._task, self._decision, self._card = pipe, task, decision, card
        self._request = request
        self._input_bytes = input_bytes(request)
        self.attempts: list[str] = []
        self.spend = Spend()

    async def fit(self) -> tuple[Request, tuple[str, ...]]:
        """Lower the output bound where a budget is short; refusing is left to ``reserve``."""
        intent = self._intent(1)
        worst = intent.worst_case_nano
        if not intent.caps or intent.is_free or not worst:
            return self._request, ()
        rooms = await asyncio.to_thread(self._pipe.ledger.room, intent)
        left = min((room.left_nano for room in rooms), default=worst)
        asked = self._request.max_output_tokens or DEFAULT_OUTPUT_TOKENS
        if left >= worst or asked <= SMALLEST_OUTPUT_TOKENS:
            return self._request, ()
        bare = self._worst(0) or 0
        lowered = int((left - bare) * asked // max(worst - bare, 1))
        if lowered < SMALLEST_OUTPUT_TOKENS:
            return self._request, ()
        self._request = replace(self._request, max_output_tokens=lowered)
        return self._request, (f"output bound lowered from {asked} to {lowered}: budget is short",)

    async def before(self, number: int) -> object:
        """Reserve the worst case durably before a byte leaves."""
        attempt = await asyncio.to_thread(self._pipe.ledger.reserve, self._intent(number))
        self.attempts.append(attempt)
        return attempt

    async def after(self, ticket: object, result: AttemptResult) -> None:
        """Settle once, with what was reported or an estimate that says so."""
        usage, cost = self._bill(result)
        settlement = Settlement(
            outcome="unknown" if result.was_sent == "ambiguous" else result.outcome,
            usage=usage,
            cost=cost,
            served_model=result.served_model or "",
            status=result.status,
            error_code=result.error.code if result.error else "",
            duration_s=result.duration_s,
            first_token_s=result.first_token_s,
        )
        self.spend = self.spend.plus(cost)
        await asyncio.to_thread(self._pipe.ledger.settle, str(ticket), settlement)

    def _intent(self, number: int) -> Intent:
        task, card = self._task, self._card
        bound = self._request.max_output_tokens or DEFAULT_OUTPUT_TOKENS
        return Intent(
            run=task.run or "adhoc",
            role=self._decision.role,
            kind=self._decision.profile.kind,
            provider=card.provider,
            model=card.id,
            requested_model=card.wire_name,
            worst_case_nano=self._worst(bound),
            module=task.module,
            lane=task.lane,
            purpose=task.purpose,
            try_number=number,
            effort=self._decision.effort,
            price_version=self._pipe.prices.price_version,
            caps=self._caps(),
            is_free=card.is_free,
            decision_json=decision_json(self._decision),
            request_hash=hashlib.sha256(repr(self._request).encode()).hexdigest(),
            retry_of=self.attempts[-1] if self.attempts else None,
        )

    def _worst(self, output_tokens: int) -> int | None:
        # A token is at least one byte, and what is longer than the window is refused unpaid.
        tokens = min(self._input_bytes, self._card.context_tokens)
        if _has_breakpoint(self._request):
            return self._pipe.prices.worst_case_nano(self._card, tokens, output_tokens)
        # Nothing is written to a cache that is not asked for, and reading from one is cheaper.
        return self._pipe.prices.expected_nano(self._card, tokens, output_tokens)

    def _caps(self) -> tuple[Cap, ...]:
        budgets = self._pipe.policy.budgets
        stated = self._task.labels.get("module_cap_nano", "")
        module = int(stated) if stated.isdigit() else budgets.module
        caps = [("day", budgets.day), ("month", budgets.month)]
        if self._task.run:
            caps.append(("run", budgets.run))
        if self._task.module:
            caps.append(("module", module))
        return tuple(Cap(scope, "", cap) for scope, cap in caps if cap is not None)

    def _bill(self, result: AttemptResult) -> tuple[Usage, Cost]:
        if result.was_sent == "ambiguous":
            return Usage(), UNKNOWN
        if result.is_free:
            return Usage(source="reported"), Cost(0, "reported", "nothing was executed")
        usage = result.usage
        if usage.source != "reported":
            usage = self._estimate(result)
        card = self._billed(result.served_model or "")
        if card is None:
            return usage, Cost(None, "unknown", f"no price for {result.served_model}")
        at = datetime.fromtimestamp(self._pipe.clock(), UTC)
        return usage, self._pipe.prices.price(card, usage, at=at)

    def _billed(self, served: str) -> ModelCard | None:
        """Return whose price is due: a provider charges for what it served, not what was asked."""
        card, catalog = self._card, self._pipe.catalog
        if card.is_free or not served or catalog.is_served(card, served):
            return card
        return catalog.find(f"{card.provider}/{served}")

    def _estimate(self, result: AttemptResult) -> Usage:
        """Count a quarter of the bytes as tokens; never more than the output bound."""
        bound = self._request.max_output_tokens or DEFAULT_OUTPUT_TOKENS
        seen = result.usage
        return replace(
            seen,
            input_tokens=max(seen.input_tokens, self._input_bytes // 4),
            output_tokens=min(max(seen.output_tokens, result.content_chars // 4), bound),
            source="estimated",
        )


def _has_breakpoint(request: Request) -> bool:
    parts = [part for message in request.messages for part in message.parts]
    return any(getattr(one, "cache", None) for one in (*parts, *request.tools))


def input_bytes(request: Request) -> int:
    """Return the size of all that a model reads, in bytes; media count as a fixed size."""
    tools = sum(len(json.dumps(t.parameters)) + len(t.description) for t in request.tools)
    schema = len(json.dumps(request.schema.schema)) if request.schema else 0
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.parts]
    size = 0
    for part in parts:
        if isinstance(part, Text | Reasoning):
            size += len(part.text.encode())
        elif isinstance(part, ToolCall):
            size += len(part.arguments.encode())
        elif isinstance(part, Media):
            size += _MEDIA_TOKENS * 4 + len(part.data or "") // (1 if part.kind != "image" else 50)
    return size + tools + schema + 16 * len(request.messages)


def decision_json(decision: Decision) -> str:
    """Return a decision as stable JSON, for the books."""
    return json.dumps(dataclasses.asdict(decision), default=sorted, sort_keys=True)
