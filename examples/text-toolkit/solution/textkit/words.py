"""Counts the words of a text."""

import re
from collections import Counter

_WORD = re.compile(r"[^\W\d_]+")


def count_words(text: str) -> dict[str, int]:
    """Return how often each word occurs, in lower case."""
    return dict(Counter(_WORD.findall(text.lower())))
