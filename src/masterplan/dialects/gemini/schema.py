"""JSON-Schema and what Gemini takes of it; its own older schema form, read.

What is left out and would have constrained the answer is reported. Must not know requests.
"""

from __future__ import annotations

from masterplan.core.message import Json
from masterplan.dialects.loss import Losses

_SILENT = frozenset(
    {"$anchor", "$comment", "$id", "$schema", "examples", "deprecated", "readOnly", "writeOnly"}
)
"""Annotations: leaving them out changes no answer."""

_DROPPED = frozenset(
    {
        "allOf",
        "contains",
        "defer_loading",
        "dependentRequired",
        "dependentSchemas",
        "discriminator",
        "else",
        "enumDescriptions",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "if",
        "multipleOf",
        "not",
        "patternProperties",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
    }
)
_SCHEMA_MAPS = frozenset({"properties", "$defs", "definitions"})
_SCHEMA_LISTS = frozenset({"anyOf", "oneOf", "prefixItems"})
_SCHEMAS = frozenset({"items", "additionalProperties"})


def to_gemini(schema: Json, losses: Losses, where: str) -> Json:
    """Return the part of a schema that Gemini takes; what constrained and went is a loss."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Json] = {}
    for key, value in schema.items():
        if key == "const":
            out["enum"] = [value]
        elif key in _DROPPED:
            if not _bound(key, value, schema, out):
                losses.add(f"schema keyword {key}", where)
        elif key not in _SILENT and key not in out:
            name = "anyOf" if key == "oneOf" else key
            out[name] = _inner(key, value, losses, f"{where}.{key}")
    return _pruned(out)


def _inner(key: str, value: Json, losses: Losses, where: str) -> Json:
    """Return a keyword's value with the schemas inside it translated."""
    if key in _SCHEMA_MAPS and isinstance(value, dict):
        return {name: to_gemini(inner, losses, f"{where}.{name}") for name, inner in value.items()}
    if key in _SCHEMA_LISTS and isinstance(value, list):
        return [to_gemini(inner, losses, f"{where}[{i}]") for i, inner in enumerate(value)]
    return to_gemini(value, losses, where) if key in _SCHEMAS else value


def _bound(key: str, value: Json, schema: dict[str, Json], out: dict[str, Json]) -> bool:
    """Say an exclusive bound of whole numbers as the inclusive one, which is the same."""
    if schema.get("type") != "integer" or not isinstance(value, int):
        return False
    if key == "exclusiveMinimum":
        out["minimum"] = max(value + 1, schema.get("minimum", value + 1))
    elif key == "exclusiveMaximum":
        out["maximum"] = min(value - 1, schema.get("maximum", value - 1))
    else:
        return False
    return True


def _pruned(schema: dict[str, Json]) -> dict[str, Json]:
    """Leave out required names that are not defined: Gemini refuses them."""
    required, properties = schema.get("required"), schema.get("properties")
    if isinstance(required, list) and isinstance(properties, dict):
        schema["required"] = [name for name in required if name in properties]
        if not schema["required"]:
            del schema["required"]
    return schema


def from_openapi(schema: Json) -> Json:
    """Return the JSON-Schema for Gemini's older form: upper-case types and ``nullable``."""
    if isinstance(schema, list):
        return [from_openapi(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Json] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            out[key] = value.lower()
        elif key in _SCHEMA_MAPS and isinstance(value, dict):
            out[key] = {name: from_openapi(inner) for name, inner in value.items()}
        elif key in _SCHEMA_LISTS or key in _SCHEMAS:
            out[key] = from_openapi(value)
        elif key not in ("nullable", "property_ordering", "propertyOrdering"):
            out[key] = value
    if schema.get("nullable") and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out
