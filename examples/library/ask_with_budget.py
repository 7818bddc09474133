"""One question through the pipe: routed, held to a budget, written into the books, compared.

Talks to the scripted provider that ships with the package, over real HTTP on loopback, so it needs
no key. With another `base_url` and model it talks to any server that speaks Chat Completions.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from masterplan import Policy, Task
from masterplan.core.message import Message, Request, Text
from masterplan.ledger import spend_by
from masterplan.providers.fake import FakeProvider, Reply
from masterplan.workflow.open import open_pipe

POLICY = """
[models]
coder = {{ id = "try/coder-7b", tier = "economy" }}

[providers.try]
dialect = "openai_chat"
base_url = "{base_url}"

[roles.builder]
ladder = ["coder"]

[budgets]
run = "$1"
"""


async def ask(folder: Path) -> None:
    """Ask once; print the answer, why this model, and what the books say."""
    async with FakeProvider([Reply("def add(a, b): return a + b")]) as server:
        policy = Policy.parse(POLICY.format(base_url=server.base_url))
        environment = {"HOME": str(folder), "MASTERPLAN_STATE_DIR": str(folder / "state")}
        task = Task("Write a function that adds two numbers", run="example", module="add")
        request = Request(
            model="",  # the pipe puts in the decided one
            messages=(Message("user", (Text(task.text),)),),
            max_output_tokens=500,
        )
        async with open_pipe(policy, environment) as pipe:
            reply = await pipe.call(task, request)
            print(reply.response.text)
            print(f"asked {reply.decision.model}, {reply.response.model} answered")
            for line in spend_by(pipe.ledger.attempts(run="example"), "model"):
                print(f"{line.key}: {line.attempt_count} call, {line.spend}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(ask(Path(place)))
