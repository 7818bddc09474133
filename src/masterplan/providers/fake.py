"""The scripted provider: real HTTP on loopback in four dialects, and the oracle for the bill.

Ships in the package so that policies can be tried without keys; ``python -m
masterplan.providers.fake`` runs it alone. Must not be used by the product itself.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from aiohttp import web

from masterplan.core.errors import DialectError
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage
from masterplan.dialects import codec
from masterplan.dialects.size import estimate_input_tokens
from masterplan.providers.endpoint import Endpoint
from masterplan.providers.fake_script import Received, Reply, Script, load_script
from masterplan.providers.fake_wire import (
    error_body,
    response_of,
    stream_pieces,
    whole_body,
)

__all__ = ["FakeProvider", "Received", "Reply", "Script", "load_script"]

STALL_S = 3_600.0
_BODY_BYTES = 64 * 1024 * 1024


class FakeProvider:
    """``async with FakeProvider(script) as fake`` serves at ``fake.base_url`` until it exits."""

    def __init__(self, script: Script = (), *, port: int = 0) -> None:
        self._script = script
        self._port = port
        self._runner: web.AppRunner | None = None
        self.base_url = ""
        self.received: list[Received] = []
        self.usages: list[tuple[str, Usage]] = []
        self.open_answers = 0
        self.counted = 0

    @property
    def executions(self) -> int:
        """How many requests were executed, and so would be on the bill."""
        return len(self.usages)

    def bill(self, price: Callable[[str, Usage], int]) -> int:
        """Return the sum in nano-dollars of ``price(served model, usage)``: the oracle."""
        return sum(price(model, usage) for model, usage in self.usages)

    def endpoint(
        self, provider: str, dialect: Dialect, *, key_env: tuple[str, ...] = ()
    ) -> Endpoint:
        """Return the endpoint under which a registry finds this provider."""
        is_openai = dialect in ("openai_chat", "openai_responses")
        base_url = f"{self.base_url}/v1" if is_openai else self.base_url
        return Endpoint(provider, dialect, base_url, key_env, is_local=not key_env)

    async def __aenter__(self) -> FakeProvider:
        app = web.Application(client_max_size=_BODY_BYTES)
        app.add_routes(
            [
                web.get("/__fake/state", self._state),
                web.get("/v1/models", self._models),
                web.post("/v1/messages", self._anthropic),
                web.post("/v1/messages/count_tokens", self._anthropic_count),
                web.post("/v1/chat/completions", self._openai_chat),
                web.post("/chat/completions", self._openai_chat),
                web.post("/v1/responses", self._openai_responses),
                web.post("/responses", self._openai_responses),
                web.post("/{version}/models/{rest:.+}", self._gemini),
            ]
        )
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _state(self, _: web.Request) -> web.Response:
        usages = [{"model": model, **asdict(usage)} for model, usage in self.usages]
        seen = [{"dialect": r.dialect, "model": r.model} for r in self.received]
        return web.json_response({"executions": len(usages), "usages": usages, "received": seen})

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake-model"}]})

    async def _anthropic(self, http: web.Request) -> web.StreamResponse:
        return await self._serve(http, "anthropic")

    async def _openai_chat(self, http: web.Request) -> web.StreamResponse:
        return await self._serve(http, "openai_chat")

    async def _openai_responses(self, http: web.Request) -> web.StreamResponse:
        return await self._serve(http, "openai_responses")

    async def _anthropic_count(self, http: web.Request) -> web.StreamResponse:
        return await self._count(http, "anthropic", "input_tokens")

    async def _count(self, http: web.Request, dialect: Dialect, field: str) -> web.StreamResponse:
        """Count tokens as providers do: nothing is executed, and so nothing is on the bill."""
        body = await http.read()
        self.counted += 1
        request = codec(dialect).parse_request(body, path=http.path)
        return web.json_response({field: estimate_input_tokens(request)})

    async def _gemini(self, http: web.Request) -> web.StreamResponse:
        if http.path.endswith(":countTokens"):
            return await self._count(http, "gemini", "totalTokens")
        return await self._serve(http, "gemini")

    async def _serve(self, http: web.Request, dialect: Dialect) -> web.StreamResponse:
        body = await http.read()
        try:
            request = codec(dialect).parse_request(body, path=http.path)
        except DialectError as error:
            answer = codec(dialect).write_error(error, 400)
            return web.Response(status=400, body=answer, content_type="application/json")
        headers = {name.lower(): value for name, value in http.headers.items()}
        received = Received(dialect, request.model, request, body, headers, http.path_qs)
        self.received.append(received)
        number = len(self.received)
        reply = self._reply(received, number)
        self.open_answers += 1
        try:
            return await self._answer(http, received, reply, number)
        finally:
            self.open_answers -= 1

    def _reply(self, received: Received, number: int) -> Reply:
        if callable(self._script):
            return self._script(received)
        if not self._script:
            return Reply()
        return self._script[min(number, len(self._script)) - 1]

    async def _answer(
        self, http: web.Request, received: Received, reply: Reply, number: int
    ) -> web.StreamResponse:
        is_executed = reply.status < 300
        response = response_of(received, reply, number)
        if is_executed:
            self.usages.append((response.model, response.usage))
        if reply.reset_before_status:
            _end(http, "rst")
            return web.Response()
        await asyncio.sleep(reply.delay_s)
        dialect = received.dialect
        pieces: Iterable[bytes]
        if reply.body is not None or not is_executed:
            body = reply.body if reply.body is not None else error_body(dialect, reply.status)
            pieces, media_type = [body], "application/json"
        elif received.request.is_stream:
            pieces = stream_pieces(dialect, received.request, response, reply)
            media_type = "text/event-stream"
        else:
            pieces, media_type = [whole_body(dialect, response, reply)], "application/json"
        return await _send(http, reply, pieces, media_type)


async def _send(
    http: web.Request, reply: Reply, pieces: Iterable[bytes], media_type: str
) -> web.StreamResponse:
    headers = {"content-type": media_type, **reply.headers}
    answer = web.StreamResponse(status=reply.status, headers=headers)
    if headers.get("content-encoding") == "gzip":
        pieces = _gzipped(pieces)
    if reply.content_length is not None:
        answer.content_length = reply.content_length
    await answer.prepare(http)
    sent = 0
    end = reply.cut_at if reply.stall_at is None else reply.stall_at
    for piece in pieces:
        part = piece if end is None else piece[: max(end - sent, 0)]
        if part:
            await answer.write(part)
        sent += len(part)
        if len(part) < len(piece) or (end is not None and sent >= end):
            break
        if reply.chunk_delay_s:
            await asyncio.sleep(reply.chunk_delay_s)
    if reply.stall_at is not None:
        await asyncio.sleep(STALL_S)
    lies = reply.content_length is not None and reply.content_length > sent
    if reply.cut_at is not None or lies:
        _end(http, reply.cut_with)
    return answer


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Compress each piece and flush it, as a provider that streams compressed must."""
    packer = zlib.compressobj(wbits=31)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def _end(http: web.Request, how: str) -> None:
    """Close the connection under the answer: at once with RST, or cleanly with FIN."""
    transport = http.transport
    if transport is None:
        return
    if how == "rst":
        link = transport.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


def _main() -> None:
    from masterplan.providers.fake_main import main

    main()


if __name__ == "__main__":
    _main()
