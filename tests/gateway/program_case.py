"""The gateway as a process of its own, for what ends a process or keeps it from its disk."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from fault_case import MINI, asking, in_memory, path_of
from gateway_case import Got, policy_text

from masterplan.ledger import AttemptRow, Ledger
from masterplan.providers.fake import FakeProvider, Script


@dataclass
class Program:
    """The gateway as a process of its own, with what is around it."""

    base_url: str
    token: str
    process: asyncio.subprocess.Process
    fake: FakeProvider
    books: Path
    session: aiohttp.ClientSession

    async def ask(self, client: str, model: str, *, stream: bool = True) -> Got:
        """Send a small request and read the whole answer."""
        told = {"x-masterplan-token": self.token}
        url = self.base_url + path_of(client, model, stream=stream)
        async with self.session.post(
            url, json=asking(client, model, stream=stream), headers=told
        ) as answer:
            return Got(answer.status, dict(answer.headers), await answer.read())

    def rows(self) -> list[AttemptRow]:
        """Read the attempts as another process would."""
        with Ledger.open(self.books, must_exist=True) as ledger:
            return ledger.attempts()


@asynccontextmanager
async def program(folder: Path, script: Script) -> AsyncIterator[Program]:
    """Run `masterplan serve` until the block ends."""
    async with in_memory(folder) as room, FakeProvider(script) as fake:
        books = room / "ledger.sqlite"
        policy = folder / "policy.toml"
        policy.write_text(policy_text(fake.base_url, models=MINI))
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "MASTERPLAN_LEDGER": str(books),
            "MASTERPLAN_STATE_DIR": str(folder / "state"),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "masterplan", "serve", "--port", "0", "--json"),
            *("--policy", str(policy)),
            env=environ,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            told = json.loads(await asyncio.wait_for(process.stdout.readuntil(b"\n}\n"), 15))
            async with aiohttp.ClientSession() as session:
                url, token = told["base_url"], told["token"]
                yield Program(url, token, process, fake, books, session)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
