"""References inside a JSON-Schema, put in the place where they stand.

Gemini takes none. What refers to itself is cut at its second appearance and reported. Must not
know what else Gemini takes of a schema.
"""

from __future__ import annotations

from masterplan.core.message import Json
from masterplan.dialects.loss import Losses

_HOLDERS = frozenset({"$defs", "definitions"})
MOST_REFERENCES = 2_000
"""Replaced in one schema: a few lines that refer to each other twice grow without end."""


def inlined(schema: Json, losses: Losses, where: str) -> Json:
    """Return the schema without references and without the definitions they pointed at."""
    if not isinstance(schema, dict) or not _has_reference(schema):
        return schema
    return _Inliner(schema, losses, where).schema(schema, ())


def _has_reference(value: Json) -> bool:
    if isinstance(value, list):
        return any(_has_reference(item) for item in value)
    if not isinstance(value, dict):
        return False
    return "$ref" in value or any(_has_reference(inner) for inner in value.values())


class _Inliner:
    def __init__(self, root: dict[str, Json], losses: Losses, where: str) -> None:
        self._root = root
        self._losses = losses
        self._where = where
        self._replaced = 0

    def schema(self, value: Json, inside: tuple[str, ...]) -> Json:
        """Return a value with its references replaced; ``inside`` are those it stands in."""
        if isinstance(value, list):
            return [self.schema(item, inside) for item in value]
        if not isinstance(value, dict):
            return value
        rest = {
            name: self.schema(inner, inside)
            for name, inner in value.items()
            if name not in _HOLDERS and name != "$ref"
        }
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return rest
        if reference in inside:
            self._losses.add("schema that refers to itself", self._where, "replaced")
            return {"type": "object", **rest}
        self._replaced += 1
        if self._replaced > MOST_REFERENCES:
            self._losses.add("schema of too many references", self._where, "replaced")
            return {"type": "object", **rest}
        found = self._find(reference)
        if not isinstance(found, dict):
            self._losses.add("schema reference that leads nowhere", self._where, "replaced")
            return rest
        return {**self.schema(found, (*inside, reference)), **rest}

    def _find(self, reference: str) -> Json:
        if not reference.startswith("#"):
            return None
        at: Json = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            at = at.get(name) if isinstance(at, dict) else None
        return at
