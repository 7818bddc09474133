"""How large a call is: what goes in at most, what may come out, and whether a cache is written.

Pure; a canonical request or a client's raw body in, the few numbers that money needs out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from masterplan.core.message import Media, Reasoning, Request, Text, ToolCall, ToolResult
from masterplan.dialects.terms import PLAIN, Terms, terms_of_request

DEFAULT_OUTPUT_TOKENS = 8_192
"""The output bound of a request that states none, so that its worst case is known."""

_MEDIA_TOKENS = 3_000


@dataclass(frozen=True)
class Measure:
    """What bounds a call's cost: bytes in, tokens out, cache breakpoints; and its digest.

    ``spare_tokens`` is the bound to put in where the client stated none and money is short.
    """

    input_bytes: int
    output_tokens: int
    has_breakpoint: bool
    digest: str
    terms: Terms = PLAIN
    spare_tokens: int | None = None


def of_request(request: Request) -> Measure:
    """Measure a canonical request."""
    return Measure(
        input_bytes(request),
        request.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
        _has_breakpoint(request),
        hashlib.sha256(repr(request).encode()).hexdigest(),
        terms_of_request(request),
    )


def of_body(body: bytes, stated_tokens: int | None, most_tokens: int, terms: Terms) -> Measure:
    """Measure a client's own body, which is forwarded as it is: no token is under a byte.

    Where it states no output bound, the model's own, ``most_tokens``, is all that holds it.
    """
    is_stated = stated_tokens is not None and stated_tokens > 0
    return Measure(
        len(body),
        stated_tokens if is_stated and stated_tokens else most_tokens,
        b'"cache_control"' in body,
        hashlib.sha256(body).hexdigest(),
        terms,
        None if is_stated else min(DEFAULT_OUTPUT_TOKENS, most_tokens),
    )


def _has_breakpoint(request: Request) -> bool:
    parts = [part for message in request.messages for part in message.parts]
    return any(getattr(one, "cache", None) for one in (*parts, *request.tools))


def input_bytes(request: Request) -> int:
    """Return the size of all that a model reads, in bytes; media count as a fixed size."""
    tools = sum(len(json.dumps(t.parameters)) + len(t.description) for t in request.tools)
    schema = len(json.dumps(request.schema.schema)) if request.schema else 0
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.parts]
    size = 0
    for part in parts:
        if isinstance(part, Text | Reasoning):
            size += len(part.text.encode(errors="surrogatepass"))
        elif isinstance(part, ToolCall):
            size += len(part.arguments.encode(errors="surrogatepass"))
        elif isinstance(part, Media):
            size += _MEDIA_TOKENS * 4 + len(part.data or "") // (1 if part.kind != "image" else 50)
    return size + tools + schema + 16 * len(request.messages)
