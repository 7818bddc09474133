"""A TCP proxy that spoils what passes, for faults that no server makes on purpose.

Eight toxics on what the upstream sends: ``latency_s``, ``bandwidth`` (bytes a second),
``slow_close_s``, ``timeout_s`` (swallow everything, then close), ``reset_peer``, ``slice_bytes``,
``limit_data`` (end after that many bytes) and ``down``. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine
from dataclasses import dataclass

_READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class Toxics:
    """What is done to the bytes on their way back; the defaults do nothing.

    ``limit_data`` ends the connection after so many bytes, with RST where ``reset_peer`` is set;
    ``reset_peer`` alone resets it as soon as ``reset_after`` bytes of the request are through.
    """

    latency_s: float = 0.0
    bandwidth: int | None = None
    slow_close_s: float = 0.0
    timeout_s: float | None = None
    reset_peer: bool = False
    reset_after: int = 0
    slice_bytes: int | None = None
    limit_data: int | None = None
    down: bool = False


class FaultProxy:
    """``async with FaultProxy(host, port) as proxy`` listens at ``proxy.port``.

    ``toxics`` counts for connections made after it was set.
    """

    def __init__(self, port: int, toxics: Toxics | None = None) -> None:
        self._target = port
        self.toxics = toxics or Toxics()
        self.port = 0
        self.connections = 0
        self.bytes_up = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """The address of the proxy."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._keep(self._joined(reader, writer))

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        toxics = self.toxics
        if toxics.down:
            _end(writer, with_rst=True)
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        up = self._keep(self._up(reader, far_writer, writer, toxics))
        try:
            with contextlib.suppress(ConnectionError):
                await self._down(far_reader, writer, toxics)
            await asyncio.sleep(toxics.slow_close_s)
        finally:
            up.cancel()
            far_writer.close()
            _end(writer, with_rst=toxics.reset_peer)

    async def _up(
        self,
        reader: asyncio.StreamReader,
        far: asyncio.StreamWriter,
        near: asyncio.StreamWriter,
        toxics: Toxics,
    ) -> None:
        seen = 0
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_READ_BYTES):
                seen += len(data)
                self.bytes_up += len(data)
                far.write(data)
                await far.drain()
                is_due = toxics.reset_peer and toxics.limit_data is None
                if is_due and 0 < toxics.reset_after <= seen:
                    _end(near, with_rst=True)
        far.close()  # the near side has gone: the far side shall know at once

    async def _down(
        self, far: asyncio.StreamReader, writer: asyncio.StreamWriter, toxics: Toxics
    ) -> None:
        if toxics.timeout_s is not None:
            await asyncio.sleep(toxics.timeout_s)
            return
        left = toxics.limit_data
        while left is None or left > 0:
            data = await far.read(_READ_BYTES)
            if not data:
                return
            if left is not None:
                data, left = data[:left], left - len(data[:left])
            await asyncio.sleep(toxics.latency_s)
            step = toxics.slice_bytes or len(data)
            for start in range(0, len(data), step):
                piece = data[start : start + step]
                writer.write(piece)
                await writer.drain()
                if toxics.bandwidth is not None:
                    await asyncio.sleep(len(piece) / toxics.bandwidth)
                elif toxics.slice_bytes is not None:
                    await asyncio.sleep(0)


def _end(writer: asyncio.StreamWriter, *, with_rst: bool) -> None:
    """Close a connection: cleanly, or with RST."""
    if with_rst:
        link = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
