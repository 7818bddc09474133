"""Small shapes that Chat Completions and Responses have in common.

Data addresses, reasoning effort, strict schemas, and the request fields with one name and one
meaning in both. Must not know where in a body they stand.
"""

from __future__ import annotations

from masterplan.core.message import Extra, Json, Media, Request
from masterplan.core.model import Dialect
from masterplan.dialects.loss import Losses
from masterplan.dialects.openai.family import (
    effort_of_budget,
    is_openai,
    is_strict_schema,
    wire_effort,
)

CHOICES = {"auto": "auto", "any": "required", "none": "none"}
"""Modes of tool choice and their names on the wire."""

_SHARED = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "top_logprobs",
        "user",
        "verbosity",
    }
)
_SIBLINGS: dict[Dialect, Dialect] = {
    "openai_chat": "openai_responses",
    "openai_responses": "openai_chat",
}


def with_shared(extra: Extra, dialect: Dialect, model: str) -> Extra:
    """Return a request's extras with what its sibling dialect says in the same words.

    Only for OpenAI's own models: compatible servers differ in what they take.
    """
    said = extra.get(_SIBLINGS[dialect], {})
    if not said or not is_openai(model):
        return extra
    same = {name: value for name, value in said.items() if name in _SHARED}
    rest = {name: value for name, value in said.items() if name not in _SHARED}
    return {**extra, _SIBLINGS[dialect]: rest, dialect: {**same, **extra.get(dialect, {})}}


def split_data_url(url: str) -> tuple[str, str | None]:
    """Return media type and base64 data of a data address, or ``("", None)`` for any other.

    >>> split_data_url("data:image/png;base64,AAAA")
    ('image/png', 'AAAA')
    """
    head, comma, data = url.partition(",")
    if not head.startswith("data:") or not comma or not head.endswith(";base64"):
        return "", None
    return head.removeprefix("data:").removesuffix(";base64"), data


def data_url(part: Media) -> str:
    """Return the address of a part's media: its own, or a data address."""
    return part.url or f"data:{part.media_type};base64,{part.data or ''}"


def written_effort(request: Request, raw: Json, losses: Losses) -> Json:
    """Return the wire effort of a request; ``raw`` is what the client wrote, where it did."""
    if raw is not None and request.effort is not None:
        return raw
    if request.effort is not None:
        wire = wire_effort(request.effort, request.model)
        if request.effort == "max" and wire == "high":
            losses.add("effort max", "$.effort", "replaced")
        if request.reasoning_tokens is not None:
            losses.add("reasoning_tokens", "$.reasoning_tokens")
        return wire
    if request.reasoning_tokens is None:
        return None
    losses.add("reasoning_tokens", "$.reasoning_tokens", "replaced")
    return wire_effort(effort_of_budget(request.reasoning_tokens), request.model)


def is_strict_there(schema: Json, model: str) -> bool:
    """Tell whether a schema can be sent as strict: OpenAI's own models refuse open parts."""
    return not is_openai(model) or is_strict_schema(schema)
