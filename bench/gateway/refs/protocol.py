"""The practical limit in Python: a relay on asyncio protocols with httptools, no more."""

import asyncio
import sys

import httptools
import uvloop

PORT, UP = int(sys.argv[1]), int(sys.argv[2])
idle: list["Upstream"] = []


class Upstream(asyncio.Protocol):
    """One connection to the provider."""

    client: "Client | None" = None

    def connection_made(self, transport):  # type: ignore[no-untyped-def]
        self.transport = transport

    def begin(self, client: "Client", path: bytes, body: bytes) -> None:
        """Send one request for a client."""
        self.client = client
        self.parser = httptools.HttpResponseParser(self)
        self.ready: list[bytes] = []
        self.kind, self.length, self.is_done = b"", b"", False
        head = b"POST %s HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-x\r\n" % path
        more = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.writelines((head + more, body))

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if self.client is None:
            return
        if self.ready:
            self.client.transport.write(b"".join(self.ready))
            self.ready = []
        if self.is_done:
            self.client = None
            idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            self.client.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"content-type":
            self.kind = value
        elif name == b"content-length":
            self.length = value

    def on_headers_complete(self) -> None:
        frame = b"content-length: " + self.length if self.length else b"transfer-encoding: chunked"
        status = self.parser.get_status_code()
        self.ready.append(
            b"HTTP/1.1 %d OK\r\ncontent-type: %s\r\n%s\r\n\r\n" % (status, self.kind, frame)
        )

    def on_body(self, data: bytes) -> None:
        self.ready.append(data if self.length else b"%x\r\n%s\r\n" % (len(data), data))

    def on_message_complete(self) -> None:
        self.is_done = True
        if not self.length:
            self.ready.append(b"0\r\n\r\n")


class Client(asyncio.Protocol):
    """One connection of a client."""

    def connection_made(self, transport):  # type: ignore[no-untyped-def]
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.pieces: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        body = b"".join(self.pieces)
        self.pieces = []
        while idle:
            upstream = idle.pop()
            if not upstream.transport.is_closing():
                upstream.begin(self, self.url, body)
                return
        self.dialling = asyncio.ensure_future(self.dial(body))

    async def dial(self, body: bytes) -> None:
        """Send over a new connection."""
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(Upstream, "127.0.0.1", UP)
        upstream.begin(self, self.url, body)


async def main() -> None:
    """Serve until the end."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Client, "127.0.0.1", PORT, backlog=8192)
    await server.serve_forever()


uvloop.run(main())
