"""A prompt as numbers: hashed words, pairs of words and its outline. Training and routing share it.

Owns which numbers there are and their version. Must not know what they are worth: that is gain's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log, log1p, log2
from zlib import crc32

VERSION = "words-1"
"""The name of exactly these features; weights made for other ones are refused."""
BITS = 15
BUCKETS = 1 << BITS
_MASK = BUCKETS - 1
MAX_CHARS = 1_600
"""What is read of a prompt, from its beginning: one-shot prompts are rarely longer."""
MAX_TOKENS = 256

OUTLINE = (
    "length",
    "numbers",
    "signs",
    "capitals",
    "lines",
    "length of its words",
    "symbols",
    "questions",
    "variety",
    "letters of other scripts",
)
"""What the numbers of ``Prompt.outline`` mean, in their order."""

_STEP_WEIGHT = 3.0
"""Length and numbers are two terms among a hundred words, and say more than one of them."""
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_CAPITAL = re.compile(r"[A-Z]")
_SYMBOL = re.compile(r"[\\$={}\[\]<>^_*+/|]")


@dataclass(frozen=True)
class Prompt:
    """A prompt's features: the weight of each term by its bucket, its words, its outline.

    ``spots`` is where a term stands among the ``tokens``: of pairs the second, as ``~spot``.
    """

    terms: dict[int, float]
    words: tuple[str, ...]
    outline: tuple[float, ...]
    tokens: tuple[str, ...]
    spots: dict[int, int]
    steps: dict[int, str]

    def name(self, bucket: int) -> str:
        """Return the text of a term; empty where the prompt has none there."""
        if bucket in self.steps:
            return self.steps[bucket]
        spot = self.spots.get(bucket)
        if spot is None:
            return ""
        return self.tokens[spot] if spot >= 0 else f"{self.tokens[~spot - 1]} {self.tokens[~spot]}"

    @property
    def names(self) -> dict[int, str]:
        """The text of every term by its bucket."""
        return {bucket: self.name(bucket) for bucket in self.terms}


def read_prompt(text: str) -> Prompt:
    """Return the features of a prompt.

    >>> sorted(read_prompt("Big big cat").names.values())[:3]
    ['big', 'big big', 'big cat']
    """
    text = text[:MAX_CHARS]
    tokens = _TOKEN.findall(text.lower())[:MAX_TOKENS]
    hashes = {token: crc32(token.encode("utf-8", "replace")) for token in set(tokens)}
    counts: dict[int, int] = {}
    spots: dict[int, int] = {}
    mark = -1
    for spot, token in enumerate(tokens):
        own = hashes[token]
        bucket = own & _MASK
        counts[bucket] = counts.get(bucket, 0) + 1
        spots[bucket] = spot
        if mark >= 0:
            bucket = (mark * 31 + (own >> 9)) & _MASK
            counts[bucket] = counts.get(bucket, 0) + 1
            spots[bucket] = ~spot
        mark = own
    terms = {bucket: 1.0 + log(count) if count > 1 else 1.0 for bucket, count in counts.items()}
    steps = {crc32(term.encode()) & _MASK: term for term in _steps(text, tokens)}
    for bucket in steps:
        terms[bucket] = _STEP_WEIGHT
    words = [token for token in tokens if token.isalpha()]
    outline = _outline(text, tokens, words)
    return Prompt(terms, tuple(words), outline, tuple(tokens), spots, steps)


def _steps(text: str, tokens: list[str]) -> tuple[str, str]:
    """Length and count of numbers as terms, in steps of half a doubling."""
    numbers = sum(map(str.isdigit, tokens))
    length, count = round(2 * log2(len(text) + 1)), round(2 * log2(numbers + 1))
    return f"length step {length}", f"numbers step {count}"


def _outline(text: str, tokens: list[str], words: list[str]) -> tuple[float, ...]:
    size = len(text) + 1
    count = len(tokens) or 1
    letters = sum(map(len, words)) or 1
    return (
        log(size),
        sum(map(str.isdigit, tokens)) / count,
        (len(tokens) - len(words)) / count,
        len(_CAPITAL.findall(text)) / letters,
        log1p(text.count("\n")),
        letters / (len(words) or 1),
        log1p(len(_SYMBOL.findall(text))),
        log1p(text.count("?")),
        len(set(tokens)) / count**0.8,
        (len(text) - len(text.encode("ascii", "ignore"))) / size,
    )
