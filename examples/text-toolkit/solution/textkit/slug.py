"""Turns titles into URL slugs."""

import re

_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def slugify(title: str) -> str:
    """Return the title in lower case with one ``-`` for each run of other characters."""
    return _NOT_SLUG.sub("-", title.lower()).strip("-")
