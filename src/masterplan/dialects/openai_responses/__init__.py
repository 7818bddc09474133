"""OpenAI Responses, which Codex speaks, and the servers that speak it too.

The codec only joins the parts; each half has a file of its own.
"""

from __future__ import annotations

from masterplan.dialects.codec import DialectCodec
from masterplan.dialects.openai import fault
from masterplan.dialects.openai_responses import request_read, request_write, response
from masterplan.dialects.openai_responses.stream_read import ResponsesDecoder
from masterplan.dialects.openai_responses.stream_write import ResponsesWriter
from masterplan.dialects.reading import SseStreamReader

CODEC = DialectCodec(
    name="openai_responses",
    parse_request=request_read.parse,
    write_request=request_write.write,
    parse_response=response.parse,
    write_response=response.write,
    stream_reader=lambda: SseStreamReader(ResponsesDecoder()),
    stream_writer=ResponsesWriter,
    parse_error=fault.parse,
    write_error=fault.write,
)
