"""What OpenAI's own models take that compatible servers do not, and the other way round.

From OpenAI's API reference, November 2026. Must not know requests.
"""

from __future__ import annotations

import re

from masterplan.core.message import Json
from masterplan.core.model import Effort

_OPENAI = re.compile(r"^(openai/)?(gpt-|chatgpt-|o[1-9](-|$)|codex)")
_XHIGH = re.compile(r"^(openai/)?gpt-(5\.[2-9]|5\.\d\d|[6-9])")

FROM_WIRE: dict[str, Effort] = {
    "none": "none",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}


def is_openai(model: str) -> bool:
    """Tell whether a name is one of OpenAI's own models, which refuse fields they do not know.

    >>> is_openai("gpt-5.4-mini"), is_openai("qwen2.5-coder:1.5b")
    (True, False)
    """
    return _OPENAI.match(model.lower()) is not None


def wire_effort(effort: Effort, model: str) -> str:
    """Return the wire form of an effort; ``max`` is ``high`` where there is no more."""
    if effort != "max":
        return effort
    return "xhigh" if _XHIGH.match(model.lower()) else "high"


def effort_of_budget(tokens: int) -> Effort:
    """Return the effort that stands for a thinking budget in tokens."""
    for effort, most in _BUDGETS:
        if tokens <= most:
            return effort
    return "max"


_BUDGETS: tuple[tuple[Effort, int], ...] = (
    ("none", 0),
    ("low", 2_048),
    ("medium", 8_192),
    ("high", 24_576),
)


def is_strict_schema(schema: Json) -> bool:
    """Tell whether a schema meets OpenAI's strict rules: closed objects, all keys required."""
    if isinstance(schema, list):
        return all(is_strict_schema(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required", [])
        if schema.get("additionalProperties") is not False:
            return False
        if set(properties or {}) != set(required if isinstance(required, list) else []):
            return False
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
            if not all(is_strict_schema(inner) for inner in value.values()):
                return False
        elif key not in ("enum", "const", "default", "examples") and not is_strict_schema(value):
            return False
    return True
