"""One model request's way through the gateway: peek, lane, wish, decision, and how it is carried.

Owns the choice between forwarding a client's bytes and translating them. Must not know sockets,
and everything that costs money goes through the pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masterplan.core.decision import Decision
from masterplan.core.errors import MasterplanError
from masterplan.core.message import Failed, Loss, Request
from masterplan.core.model import Dialect, ModelCard
from masterplan.core.task import Task
from masterplan.dialects import WireRequest, codec
from masterplan.dialects.peek import Peek, peek, with_output_cap, with_usage_asked
from masterplan.gateway.answer import Answer, Heart
from masterplan.gateway.body import Caps
from masterplan.gateway.fault import error_answer
from masterplan.gateway.guard import Entry
from masterplan.gateway.lanebook import LaneBook, LaneState
from masterplan.gateway.prompt import prompt_of
from masterplan.gateway.wish import read_wish, task_of
from masterplan.pipe import Flow, Pipe
from masterplan.providers import Head, RawCall, Secret
from masterplan.routing.lane import Lane, find_lane

SIGNS: dict[Dialect, bytes] = {
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "openai_chat": b": keep-alive\n\n",
    "openai_responses": b": keep-alive\n\n",
    "gemini": b": keep-alive\n\n",
}
"""What fills a silence on a stream: the dialect's own ping, or a comment."""

_PASSED_ON = ("anthropic-version", "anthropic-beta", "openai-beta")


@dataclass(frozen=True)
class Desk:
    """What all turns share."""

    pipe: Pipe
    lanes: LaneBook
    caps: Caps = field(default_factory=Caps)


@dataclass(frozen=True)
class Ask:
    """A client's request: its dialect, the path and query it came by, and its body."""

    dialect: Dialect
    entry: Entry
    path: str
    query: str
    body: bytes


@dataclass(frozen=True)
class _Job:
    """A request that has been understood: whose work it is and who does it."""

    ask: Ask
    peek: Peek
    lane: Lane
    state: LaneState
    task: Task
    decision: Decision


async def take_turn(desk: Desk, ask: Ask, answer: Answer) -> None:
    """Answer one model request; every failure is told in the client's dialect."""
    spoken: Dialect | None = None
    try:
        job = _understand(desk, ask)
        card = desk.pipe.catalog.card(job.decision.model)
        answer.extra["x-masterplan-model"] = card.id
        answer.extra["x-masterplan-lane"] = job.task.lane
        spoken = await desk.pipe.speaks(card)
        if _may_forward(desk, job, card, spoken):
            await _forward(desk, job, answer)
        else:
            await _translate(desk, job, answer)
    except MasterplanError as error:
        if answer.has_started:
            writer = codec(ask.dialect).stream_writer(Request("", ()))
            await answer.end(writer.fail(error.code, str(error)))
            return
        status, body, headers = error_answer(error, ask.dialect, provider_dialect=spoken)
        await answer.whole(status, body, headers)


def _understand(desk: Desk, ask: Ask) -> _Job:
    seen = peek(ask.dialect, ask.body, path=ask.path)
    lane = find_lane(ask.entry.headers, seen)
    state = desk.lanes.state(lane, seen)
    wish = read_wish(seen.model, desk.pipe.policy, desk.pipe.catalog)
    task = task_of(wish, seen, lane, ask.body)
    override = ask.entry.headers.get("x-masterplan-override", "")
    if override:
        task = replace(task, labels={"override": override[:200]})
    decision = desk.lanes.decide(state, task, seen, lambda: prompt_of(seen))
    return _Job(ask, seen, lane, state, task, decision)


def _may_forward(desk: Desk, job: _Job, card: ModelCard, spoken: Dialect) -> bool:
    """Tell whether the client's bytes are what the provider takes: same dialect, same model."""
    if spoken != job.ask.dialect or job.decision.effort is not None:
        return False
    return desk.pipe.catalog.is_served(card, job.peek.model)


async def _forward(desk: Desk, job: _Job, answer: Answer) -> None:
    ask, seen = job.ask, job.peek
    body, strips = ask.body, False
    if ask.dialect == "openai_chat" and seen.is_stream:
        asked = with_usage_asked(body)
        body, strips = asked, asked != body
    wire = WireRequest(_path(ask, seen), _headers(ask), body, seen.is_stream)
    raw = RawCall(
        wire,
        seen.max_output_tokens,
        lambda data, tokens: with_output_cap(ask.dialect, data, tokens),
        _credential(ask, desk.pipe.catalog.card(job.decision.model)),
        strips_usage=strips,
    )
    flow = await desk.pipe.open_raw(job.task, raw, decision=job.decision)
    _tell(answer, flow)
    heart = _heart(desk, ask, answer)
    headers: Mapping[str, str] = {}
    status = 200
    try:
        async with contextlib.aclosing(flow.raw()) as items:
            async for item in items:
                if isinstance(item, Head):
                    status, headers = item.status, item.headers
                elif isinstance(item, Failed):
                    writer = codec(ask.dialect).stream_writer(Request(seen.model, ()))
                    await answer.write(writer.fail(item.code, item.message))
                elif seen.is_stream:
                    if not answer.has_started:
                        await answer.begin(status, headers)
                        heart.start()
                    await answer.write(item)
                    heart.beat()
                else:
                    await answer.whole(status, item, headers)
    finally:
        heart.stop()
    if not answer.is_over:
        await answer.end()


async def _translate(desk: Desk, job: _Job, answer: Answer) -> None:
    ask = job.ask
    spoken = codec(ask.dialect)
    request = spoken.parse_request(ask.body, path=ask.path)
    flow = await desk.pipe.open(job.task, request, decision=job.decision)
    if not job.peek.is_stream:
        response = await flow.whole()
        body, losses = spoken.write_response(response)
        _tell(answer, flow, losses)
        await answer.whole(200, body)
        return
    writer = spoken.stream_writer(request)
    heart = _heart(desk, ask, answer)
    try:
        async with contextlib.aclosing(flow.events()) as events:
            async for event in events:
                if not answer.has_started:
                    _tell(answer, flow)
                    await answer.begin(200)
                    heart.start()
                if isinstance(event, Failed):
                    await answer.write(writer.fail(event.code, event.message))
                else:
                    await answer.write(writer.write(event))
                heart.beat()
    finally:
        heart.stop()
    await answer.end()


def _tell(answer: Answer, flow: Flow, more: tuple[Loss, ...] = ()) -> None:
    """Put what was changed on the way into the answer's headers."""
    losses = [*flow.losses, *more]
    if losses:
        told = "; ".join(f"{loss.what} at {loss.where} {loss.done}" for loss in losses[:8])
        answer.extra["x-masterplan-losses"] = f"{len(losses)}: {told}"[:1_000]
    if flow.notes:
        answer.extra["x-masterplan-notes"] = "; ".join(flow.notes)[:1_000]


def _heart(desk: Desk, ask: Ask, answer: Answer) -> Heart:
    task = asyncio.current_task()
    return Heart(answer, SIGNS[ask.dialect], desk.caps, lambda: task and task.cancel())


def _path(ask: Ask, seen: Peek) -> str:
    """Return the path at the provider; of a query only what the protocol knows goes along."""
    if ask.dialect == "anthropic":
        return "/v1/messages?beta=true" if "beta=true" in ask.query else "/v1/messages"
    if ask.dialect == "gemini":
        return f"{ask.path}?alt=sse" if seen.is_stream else ask.path
    return ask.path.removeprefix("/v1")


def _headers(ask: Ask) -> dict[str, str]:
    given = ask.entry.headers
    headers = {"content-type": "application/json"}
    headers |= {name: given[name] for name in _PASSED_ON if name in given}
    if ask.dialect == "anthropic":
        headers.setdefault("anthropic-version", "2023-06-01")
    return headers


def _credential(ask: Ask, card: ModelCard) -> Secret | None:
    """Return the client's own login, for the one provider whose client it is."""
    if ask.dialect == "anthropic" and card.provider == "anthropic" and ask.entry.credential:
        return Secret(ask.entry.credential, is_login=True)
    return None
