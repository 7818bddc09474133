"""The schema of a tool's arguments as an object with named fields, which vendors insist on.

Their own models refuse a schema that says at its top what kind of object it is in another way.
Must not know which models those are.
"""

from __future__ import annotations

from masterplan.core.message import Json
from masterplan.dialects.loss import Losses

_ALTERNATIVES = ("allOf", "anyOf", "oneOf")
_UNTAKEN = (*_ALTERNATIVES, "enum", "not", "$ref")


def object_schema(schema: Json, losses: Losses, where: str) -> Json:
    """Return the schema with ``type`` and ``properties`` at its top and no alternatives there."""
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" and not any(name in schema for name in _UNTAKEN):
        return schema if "properties" in schema else {**schema, "properties": {}}
    found = dict(schema)
    for part in (_resolved(schema), *_members(schema)):
        _join(found, part)
    if any(name in schema for name in (*_ALTERNATIVES, "enum", "not")):
        losses.add("schema with alternatives at its top", f"{where}.parameters", "replaced")
    whole = {name: value for name, value in found.items() if name not in _UNTAKEN}
    return {**whole, "type": "object", "properties": whole.get("properties", {})}


def _resolved(schema: dict[str, Json]) -> dict[str, Json]:
    """Return what a reference at the top points at."""
    steps = str(schema.get("$ref", "")).split("/")
    at: Json = schema if steps[0] == "#" else {}
    for name in steps[1:]:
        at = at.get(name) if isinstance(at, dict) else None
    return at if isinstance(at, dict) and at is not schema else {}


def _members(schema: dict[str, Json]) -> list[dict[str, Json]]:
    """Return the alternatives; only what all of them require is still required."""
    found: list[dict[str, Json]] = []
    for name in _ALTERNATIVES:
        members = [one for one in schema.get(name, []) if isinstance(one, dict)]
        if name != "allOf" and members:
            shared = set(members[0].get("required", []))
            for one in members[1:]:
                shared &= set(one.get("required", []))
            members = [{**one, "required": sorted(shared)} for one in members]
        found += members
    return found


def _join(into: dict[str, Json], part: dict[str, Json]) -> None:
    fields = part.get("properties")
    if isinstance(fields, dict):
        into["properties"] = {**fields, **into.get("properties", {})}
    needed = [name for name in part.get("required", []) if name not in into.get("required", [])]
    if needed:
        into["required"] = [*into.get("required", []), *needed]
    if "description" in part:
        into.setdefault("description", part["description"])
