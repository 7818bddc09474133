"""A tiny model's weights, a hub that misbehaves on request, and wheels made on the spot."""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from masterplan.providers.embedded import Weights

CONTENT = bytes(number % 251 for number in range(3_000_000))
PREFIX = "masterplan-tiny-part"


def weights(content: bytes = CONTENT, *, chunk_count: int = 2, size_bytes: int = 0) -> Weights:
    """Pin these bytes."""
    return Weights(
        name="tiny",
        repo="someone/tiny",
        file="tiny-instruct.gguf",
        size_bytes=size_bytes or len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        chunks=(PREFIX, chunk_count, "1.0"),
    )


@dataclass
class Hub:
    """What the hub serves and how: each request is cut after the next of ``cuts``, if any."""

    content: bytes = CONTENT
    status: int = 200
    has_ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    shift: int = 0
    gate: threading.Event | None = None
    asked: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def serve(self) -> ThreadingHTTPServer:
        """Return a server on a free port, already serving."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return None

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request by the script."""
        asked = handler.headers.get("Range", "")
        self.asked.append(asked)
        self.paths.append(handler.path)
        handler.close_connection = True
        if self.status != 200:
            handler.send_error(self.status)
            return
        found = re.fullmatch(r"bytes=(\d+)-", asked)
        start = int(found[1]) if found and self.has_ranges else 0
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body)))
        if start:
            end = len(self.content)
            handler.send_header("Content-Range", f"bytes {start + self.shift}-{end - 1}/{end}")
        handler.end_headers()
        handler.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        if self.gate is not None:
            handler.wfile.flush()
            self.gate.wait(10)


def make_wheel(folder: Path, number: int, parts: Mapping[str, bytes], *, code: str = "") -> Path:
    """Write the wheel of one chunk; ``code`` is what an import of it would run."""
    name = f"{PREFIX.replace('-', '_')}{number}"
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{name}/__init__.py", code)
        for member, data in parts.items():
            wheel.writestr(f"{name}/data/{member}", data)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PREFIX}{number}\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path
