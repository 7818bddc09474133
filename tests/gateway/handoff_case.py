"""What the tests of handoffs share: long conversations, and a pipe with the scripted provider."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from masterplan.core.message import Message, Part, Request, Text, ToolCall, ToolResult
from masterplan.ledger import AttemptRow, Ledger
from masterplan.pipe import Pipe
from masterplan.policy import parse_policy
from masterplan.providers import Caller, Limits, Registry
from masterplan.providers.fake import FakeProvider, Script
from masterplan.workflow.open import endpoints_of, open_pipe

POLICY = """
[models]
haiku = "anthropic/claude-haiku-4-5"
[providers.anthropic]
dialect = "anthropic"
base_url = "{url}"
[roles.builder]
ladder = ["haiku"]
[budgets]
run = "{budget}"
"""

WRITTEN = """## Goal
Add a parser.
## Decisions
Recursive descent.
## Files touched
parser.py
## Contracts
parse(text: str) -> Tree
## Open problems
none
## Next step
Write the tests.
"""


@dataclass
class Case:
    """An open pipe, the provider behind it, and its books on disk."""

    pipe: Pipe
    fake: FakeProvider
    books: Path

    def rows(self) -> list[AttemptRow]:
        """Read the attempts as another process would."""
        with Ledger.open(self.books, must_exist=True) as ledger:
            return ledger.attempts()


@asynccontextmanager
async def piped(folder: Path, script: Script, *, budget: str = "$5") -> AsyncIterator[Case]:
    """Open a pipe whose only provider is the script."""
    books = folder / "ledger.sqlite"
    limits = Limits(backoff_s=0.001, jitter_s=0.001, first_byte_s=5, idle_s=5)
    async with FakeProvider(script) as fake:
        policy = parse_policy(POLICY.format(url=fake.base_url, budget=budget))
        environ = {"MASTERPLAN_LEDGER": str(books), "HOME": str(folder)}
        registry = Registry.build(endpoints_of(policy), environ)
        async with open_pipe(policy, environ) as pipe, Caller(registry, limits) as caller:
            yield Case(replace(pipe, caller=caller), fake, books)


def system(text: str) -> Message:
    """A system message."""
    return Message("system", (Text(text),))


def user(*texts: str) -> Message:
    """What the user said."""
    return Message("user", tuple(Text(text) for text in texts))


def call(call_id: str, name: str, **fields: object) -> Message:
    """A turn of the model's that calls one tool."""
    return Message("assistant", (ToolCall(call_id, name, json.dumps(fields)),))


def result(call_id: str, text: str, *, is_error: bool = False) -> Message:
    """The client's answer to a call."""
    return Message("user", (ToolResult(call_id, (Text(text),), is_error),))


def asking(*messages: Message) -> Request:
    """A request of these messages."""
    return Request("claude-haiku-4-5", messages, max_output_tokens=1_000)


LONG = asking(
    system("You are an agent."),
    user("<system-reminder>\nnoise\n</system-reminder>", "Add a parser for INI files."),
    system("Environment: linux"),
    call("c1", "Write", file_path="parser.py", content="x"),
    result("c1", "File created successfully at: parser.py"),
    Message("assistant", (Text("Now the tests."), ToolCall("c2", "Bash", '{"command":"pytest"}'))),
    result("c2", "Exit code 1\nE  assert 1 == 2\n1 failed in 0.1s", is_error=True),
    Message("assistant", (Text("Done?"),)),
    user("Handle comments too."),
)


def roles(request: Request) -> str:
    """The roles of a request's messages, a letter each."""
    return "".join(message.role[0] for message in request.messages)


def parts(request: Request) -> list[Part]:
    """All parts of a request."""
    return [part for message in request.messages for part in message.parts]
