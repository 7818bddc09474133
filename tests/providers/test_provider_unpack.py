"""Compressed answers: little that is sent never becomes much in memory."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from provider_case import HI, QUICK, Memory, registry_of, streamed

from masterplan.core.errors import ProviderError
from masterplan.core.message import Request
from masterplan.providers import Caller, Endpoint, Limits

ONCE = replace(QUICK, attempts=1)


@asynccontextmanager
async def answering(
    encoding: str, body: bytes, limits: Limits = ONCE, *, is_stream: bool = False
) -> AsyncIterator[Caller]:
    """Give a caller of a server that answers these bytes as they are."""
    media = "text/event-stream" if is_stream else "application/json"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"content-type: {media}\r\ncontent-encoding: {encoding}\r\nconnection: close\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint("fake", "anthropic", f"http://127.0.0.1:{port}", ("FAKE_KEY",))
    async with Caller(registry_of(endpoint), limits) as caller:
        yield caller
    server.close()
    await server.wait_closed()


async def whole(caller: Caller, request: Request, memory: Memory) -> object:
    """Ask for a whole answer."""
    return await caller.complete("fake", request, on_attempt=memory)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_answer_when_little_sent_is_much_then_cut_off_and_never_in_memory(
    is_stream: bool,
) -> None:
    packed = gzip.compress(b"data: " + b"a" * 200_000_000, 1)
    limits = replace(ONCE, response_bytes=8_000_000)
    async with answering("gzip", packed, limits, is_stream=is_stream) as caller:
        tracemalloc.start()
        try:
            ask = streamed if is_stream else whole
            with pytest.raises(ProviderError):
                await ask(caller, HI, Memory())
            assert tracemalloc.get_traced_memory()[1] < 40_000_000
        finally:
            tracemalloc.stop()
