"""Gemini generateContent.

The codec only joins the parts; each half has a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from masterplan.core.errors import MasterplanError, ProviderError
from masterplan.core.message import Loss, Request, Response
from masterplan.core.model import Dialect
from masterplan.dialects.codec import StreamReader, StreamWriter, WireRequest
from masterplan.dialects.gemini.fault import parse as parse_fault
from masterplan.dialects.gemini.fault import write as write_fault
from masterplan.dialects.gemini.request_read import parse as read_request
from masterplan.dialects.gemini.request_write import write as write_request
from masterplan.dialects.gemini.response import parse as read_response
from masterplan.dialects.gemini.response import write as write_response
from masterplan.dialects.gemini.stream_read import GenerateDecoder
from masterplan.dialects.gemini.stream_write import GenerateWriter
from masterplan.dialects.reading import SseStreamReader


class GeminiCodec:
    """The ``gemini`` dialect; see ``DialectCodec``."""

    name: Dialect = "gemini"

    def parse_request(self, body: bytes, *, path: str = "") -> Request:
        """Read a client's request."""
        return read_request(body, path)

    def write_request(self, request: Request) -> tuple[WireRequest, tuple[Loss, ...]]:
        """Write a request for a provider."""
        return write_request(request)

    def parse_response(self, body: bytes) -> Response:
        """Read a provider's whole answer."""
        return read_response(body)

    def write_response(self, answer: Response) -> tuple[bytes, tuple[Loss, ...]]:
        """Write a whole answer for a client."""
        return write_response(answer)

    def stream_reader(self) -> StreamReader:
        """Start reading one provider stream."""
        return SseStreamReader(GenerateDecoder())

    def stream_writer(self, request: Request) -> StreamWriter:
        """Start writing one stream for a client."""
        return GenerateWriter(request)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Read a provider's error answer."""
        return parse_fault(status, headers, body)

    def write_error(self, error: MasterplanError, status: int) -> bytes:
        """Write an error for a client."""
        return write_fault(error, status)
