"""What the provider tests share: hooks that remember, a caller on a fake, a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from masterplan.core.message import Message, Request, StreamEvent, Text, Tool
from masterplan.core.model import Dialect
from masterplan.dialects import collect
from masterplan.providers import AttemptResult, Caller, Endpoint, Limits, Receiver, Registry
from masterplan.providers.call import Nature
from masterplan.providers.fake import FakeProvider, Script

DIALECTS: tuple[Dialect, ...] = ("anthropic", "openai_chat", "openai_responses", "gemini")
CANARY = "sk-canary-0123456789abcdef"
HI = Request("some-model", (Message("user", (Text("hi"),)),), max_output_tokens=2_000)
WITH_TOOL = Request(
    "some-model",
    (Message("user", (Text("hi"),)),),
    tools=(Tool("f", "does f", {"type": "object"}),),
    max_output_tokens=2_000,
)
QUICK = Limits(backoff_s=0.001, jitter_s=0.001, first_byte_s=5, idle_s=5)


@dataclass
class Memory:
    """Hooks that remember; ``tickets`` are settled exactly once or the test fails."""

    begun: list[int] = field(default_factory=list)
    settled: list[tuple[object, AttemptResult]] = field(default_factory=list)

    async def before(self, number: int) -> object:
        self.begun.append(number)
        return f"ticket-{len(self.begun)}"

    async def after(self, ticket: object, result: AttemptResult) -> None:
        assert ticket not in [seen for seen, _ in self.settled], "settled twice"
        self.settled.append((ticket, result))

    @property
    def results(self) -> list[AttemptResult]:
        assert len(self.settled) == len(self.begun), "an attempt is not settled"
        return [result for _, result in self.settled]


@asynccontextmanager
async def calling(
    script: Script,
    dialect: Dialect = "anthropic",
    limits: Limits = QUICK,
    nature: Nature | None = None,
) -> AsyncIterator[tuple[Caller, FakeProvider]]:
    """A caller whose provider ``fake`` answers by this script."""
    async with FakeProvider(script) as fake:
        endpoint = fake.endpoint("fake", dialect, key_env=("FAKE_KEY",))
        async with Caller(registry_of(endpoint), limits, nature) as caller:
            yield caller, fake


def registry_of(*endpoints: Endpoint) -> Registry:
    """A registry whose every key is the canary."""
    return Registry.build(endpoints, {"FAKE_KEY": CANARY})


async def streamed(caller: Caller, request: Request, memory: Memory) -> list[StreamEvent]:
    """All events of one stream."""
    events: list[StreamEvent] = []

    async def take(more: list[StreamEvent]) -> None:
        events.extend(more)

    await caller.stream("fake", request, on_attempt=memory, to=Receiver(take))
    return events


async def asked(caller: Caller, memory: Memory, *, is_stream: bool) -> str:
    """The text of one answer, streamed or not."""
    if is_stream:
        return collect(await streamed(caller, HI, memory)).text
    return (await caller.complete("fake", HI, on_attempt=memory)).text
