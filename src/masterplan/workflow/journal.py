"""The journal of a run: every paid or effectful step by the hash of its inputs, done once.

Owns the keys and the form of what is recorded, and a pipe that records each reply the moment it
arrives. Must not know what a step means; a step's inputs must cover all its result depends on.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from masterplan.core.decision import Decision
from masterplan.core.message import Request
from masterplan.core.task import Task
from masterplan.ledger import Ledger
from masterplan.pipe import Pipe, Reply

T = TypeVar("T")

_REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)


def hash_of(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON, sets in sorted order."""
    plain = to_jsonable_python(value, fallback=_fallback)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _fallback(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


@dataclass(frozen=True)
class Journal:
    """One run's steps in the ledger."""

    ledger: Ledger
    run: str

    async def step(
        self, name: str, inputs: object, act: Callable[[], Awaitable[T]], form: TypeAdapter[T]
    ) -> T:
        """Return the recorded result of these inputs, or do the step and record it durably."""
        key = hash_of([name, inputs])
        found = await asyncio.to_thread(self.ledger.find_step, self.run, key)
        if found is not None:
            return form.validate_json(found.result_json)
        result = await act()
        text = _text(result, form)
        await asyncio.to_thread(self.ledger.record_step, self.run, key, name, text)
        return form.validate_json(text)


def _text(result: T, form: TypeAdapter[T]) -> str:
    try:
        return form.dump_json(result).decode()
    except ValueError:
        # Half a surrogate pair, which a model may say, has no UTF-8; what was paid is kept anyway.
        text = json.dumps(form.dump_python(result, mode="json"), ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class JournalingPipe(Pipe):
    """The same pipe, whose replies are recorded: a resumed try is answered from the journal.

    ``scope`` names the try; calls in it are numbered, so that the same question asked twice is
    two steps.
    """

    inner: Pipe | None = None
    journal: Journal | None = None
    scope: str = ""
    replies: list[Reply] = field(default_factory=list)

    @staticmethod
    def over(pipe: Pipe, journal: Journal, scope: str) -> JournalingPipe:
        """Wrap a pipe for one try."""
        kept = {item.name: getattr(pipe, item.name) for item in fields(Pipe)}
        return JournalingPipe(**kept, inner=pipe, journal=journal, scope=scope)

    async def call(
        self, task: Task, request: Request, *, decision: Decision | None = None
    ) -> Reply:
        """Send a request once in the run's whole life; see ``Pipe.call`` for what it raises."""
        assert self.inner is not None
        assert self.journal is not None
        inner = self.inner

        async def send() -> Reply:
            return await inner.call(task, request, decision=decision)

        chosen = [decision.model, decision.effort] if decision else None
        asked = asdict(replace(request, model="", is_stream=False))
        inputs = [self.scope, len(self.replies), chosen, task.text, asked]
        reply = await self.journal.step(f"reply {self.scope}", inputs, send, _REPLY)
        self.replies.append(reply)
        return reply
