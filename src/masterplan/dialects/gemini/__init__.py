"""Gemini generateContent.

The codec only joins the parts; each half has a file of its own.
"""

from __future__ import annotations

from masterplan.dialects.codec import DialectCodec
from masterplan.dialects.gemini import fault, request_read, request_write, response
from masterplan.dialects.gemini.stream_read import GenerateDecoder
from masterplan.dialects.gemini.stream_write import GenerateWriter
from masterplan.dialects.reading import SseStreamReader

CODEC = DialectCodec(
    name="gemini",
    parse_request=request_read.parse,
    write_request=request_write.write,
    parse_response=response.parse,
    write_response=response.write,
    stream_reader=lambda: SseStreamReader(GenerateDecoder()),
    stream_writer=GenerateWriter,
    parse_error=fault.parse,
    write_error=fault.write,
)
