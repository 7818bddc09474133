"""Counts the words of a text."""

from collections import Counter


def count_words(text: str) -> dict[str, int]:
    """Return how often each word occurs, in lower case."""
    return dict(Counter(text.lower().split()))
