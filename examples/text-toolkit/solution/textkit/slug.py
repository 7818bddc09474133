"""Turns titles into URL slugs."""


def slugify(title: str) -> str:
    """Return the title in lower case with one ``-`` for each stretch of white space inside it."""
    return "-".join(title.lower().split())
