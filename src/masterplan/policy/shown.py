"""What of a user's value may stand in a message.

Owns the rule that nothing which looks like a secret, and nothing long, is ever repeated.
"""

from __future__ import annotations

import re

SECRET = re.compile(
    r"(?:sk|pk|rk|gsk|xai|ghp|gho|glpat|hf)[-_]|AIza|AKIA|ya29|eyJ|-----BEGIN|[A-Za-z0-9+_=-]{32,}"
)
_LONGEST = 80


def shown(value: object) -> str:
    """Return a value for a message, or words in its place where it may be a secret.

    >>> shown("gpt-5"), shown("sk-ant-api03-abcdef")
    ("'gpt-5'", '(not shown: it looks like a secret)')
    """
    if not isinstance(value, str | int | float | bool):
        return f"a {type(value).__name__}"
    text = str(value)
    if SECRET.search(text):
        return "(not shown: it looks like a secret)"
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
