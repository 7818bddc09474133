"""Sums up a text in one line."""

from textkit.slug import slugify
from textkit.words import count_words


def report(title: str, text: str) -> str:
    """Return the slug of the title and the number of different words in the text."""
    return f"{slugify(title)}: {len(count_words(text))} words"
