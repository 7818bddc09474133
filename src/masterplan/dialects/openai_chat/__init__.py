"""OpenAI Chat Completions, and the many servers that speak it.

The codec only joins the parts; each half has a file of its own.
"""

from __future__ import annotations

from masterplan.dialects.codec import DialectCodec
from masterplan.dialects.openai import fault
from masterplan.dialects.openai_chat import request_read, request_write, response
from masterplan.dialects.openai_chat.stream_read import ChatDecoder
from masterplan.dialects.openai_chat.stream_write import ChatWriter
from masterplan.dialects.reading import SseStreamReader

CODEC = DialectCodec(
    name="openai_chat",
    parse_request=request_read.parse,
    write_request=request_write.write,
    parse_response=response.parse,
    write_response=response.write,
    stream_reader=lambda: SseStreamReader(ChatDecoder()),
    stream_writer=ChatWriter,
    parse_error=fault.parse,
    write_error=fault.write,
)
