"""Anthropic Messages. The codec only joins the parts; each half has a file of its own."""

from __future__ import annotations

from masterplan.dialects.anthropic import fault, request_read, request_write, response
from masterplan.dialects.anthropic.stream_read import MessagesDecoder
from masterplan.dialects.anthropic.stream_write import MessagesWriter
from masterplan.dialects.codec import DialectCodec
from masterplan.dialects.reading import SseStreamReader

CODEC = DialectCodec(
    name="anthropic",
    parse_request=request_read.parse,
    write_request=request_write.write,
    parse_response=response.parse,
    write_response=response.write,
    stream_reader=lambda: SseStreamReader(MessagesDecoder()),
    stream_writer=MessagesWriter,
    parse_error=fault.parse,
    write_error=fault.write,
)
