"""The head of a Markdown file as agents read it: YAML between two rules.

Owns that every value is quoted so that it is the text it was. Must not know which keys an agent
has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from masterplan.core.message import Json


def front_matter(head: Mapping[str, Json], note: str = "") -> str:
    """Return the head; values are written as JSON, which YAML reads alike.

    >>> print(front_matter({"name": "a", "max": 3}, note="from the policy"), end="")
    ---
    # from the policy
    name: "a"
    max: 3
    ---
    <BLANKLINE>
    """
    lines = [f"{key}: {_value(value)}" for key, value in head.items()]
    notes = [f"# {note}"] if note else []
    return "\n".join(("---", *notes, *lines, "---", "", ""))


def _value(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
