"""What a stronger model brings for one prompt: plain arithmetic over trained weights.

Owns the formula: a linear gain over hashed words, moved by the nearest groups of trained prompts,
and whether the prompt is like those at all. Must not know files, models or how weights were found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nlargest, nsmallest
from math import sqrt
from zlib import crc32

from masterplan.routing.feature import OUTLINE, Prompt, read_prompt

RARITY_STEP = 24.0
"""Rarities are kept as bytes: this many a unit."""
WEIGHT_STEPS = 127
KNOWN_BITS = 17
NEAREST = 5
"""Groups of trained prompts that are asked."""
SIGHT = (*OUTLINE, "known words", "rare words", "likeness to a group", "likeness to all")
"""What a prompt is judged by to be like the trained ones."""
_SHOWN = 3


@dataclass(frozen=True)
class Group:
    """Trained prompts that are alike: their terms, how many they are, the gain on them."""

    gain: float
    prompts: int
    terms: Mapping[int, float]
    label: str


@dataclass(frozen=True)
class Domain:
    """What trained prompts look like: usual value and spread, how they go together, the limit."""

    usual: tuple[float, ...]
    spread: tuple[float, ...]
    joint: tuple[tuple[float, ...], ...]
    limit: float


@dataclass(frozen=True)
class Space:
    """The terms' rarity, the known words and the groups; ``centre`` is the mean of all."""

    rarity: bytes
    known: bytes
    centre: Mapping[int, float]
    groups: tuple[Group, ...]

    @cached_property
    def index(self) -> dict[int, list[tuple[int, float]]]:
        """Which groups have a term, and its weight there."""
        found: dict[int, list[tuple[int, float]]] = {}
        for place, group in enumerate(self.groups):
            for bucket, weight in group.terms.items():
                found.setdefault(bucket, []).append((place, weight))
        return found

    def place(self, prompt: Prompt) -> dict[int, float]:
        """Return a prompt's terms by their rarity, of length one; unknown terms are left out."""
        rarity = self.rarity
        scaled = {
            bucket: weight * rarity[bucket]
            for bucket, weight in prompt.terms.items()
            if rarity[bucket]
        }
        length = sqrt(sum(value * value for value in scaled.values())) or 1.0
        return {bucket: value / length for bucket, value in scaled.items()}

    def near(self, placed: Mapping[int, float]) -> tuple[tuple[float, int], ...]:
        """Return likeness and place of the nearest groups, the nearest first."""
        likeness = [0.0] * len(self.groups)
        index = self.index
        for bucket, value in placed.items():
            for group, weight in index.get(bucket, ()):
                likeness[group] += value * weight
        ranked = nlargest(NEAREST, ((value, -at) for at, value in enumerate(likeness)))
        return tuple((value, -at) for value, at in ranked)

    def sight(
        self, prompt: Prompt, placed: Mapping[int, float], nearest: float
    ) -> tuple[float, ...]:
        """Return the numbers that a prompt is judged by to be like the trained ones."""
        words = prompt.words
        often = Counter(words)
        seen = sum(n for word, n in often.items() if is_known(self.known, word)) / (len(words) or 1)
        rarity = self.rarity
        rare = sum(rarity[bucket] for bucket in prompt.terms) / (len(prompt.terms) or 1)
        centre = self.centre
        alike = sum(value * centre.get(bucket, 0.0) for bucket, value in placed.items())
        return (*prompt.outline, seen, rare / RARITY_STEP, nearest, alike)


@dataclass(frozen=True)
class Weights:
    """Everything that was trained. ``weak`` and ``strong`` are names of models.

    ``terms`` holds a signed byte a bucket, worth ``step`` each; ``group_share`` is how much the
    nearest groups count; ``slope`` and ``shift`` set the sum against what held-out prompts showed;
    ``doubt`` is the error to expect of a predicted gain: of groups that were left out, where
    there were some. ``version`` names exactly these weights.
    """

    weak: str
    strong: str
    terms: bytes
    step: float
    bias: float
    group_share: float
    slope: float
    shift: float
    doubt: float
    space: Space
    domain: Domain
    provenance: Mapping[str, object] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True)
class Gain:
    """The expected success of the strong model less that of the weak one, for one prompt.

    ``outside`` says why the prompt is unlike the trained ones, or is empty; then ``gain`` counts.
    """

    gain: float
    doubt: float
    outside: str
    reasons: tuple[str, ...]


def is_known(known: bytes, word: str) -> bool:
    """Tell whether a word was trained with; one in ten unknown ones passes for known."""
    bit = word_bit(word)
    return bool(known[bit >> 3] >> (bit & 7) & 1)


def word_bit(word: str) -> int:
    """Return a word's place among the known ones."""
    return crc32(word.encode("utf-8", "replace"), 7) & ((1 << KNOWN_BITS) - 1)


@dataclass(frozen=True)
class Look:
    """What the weights see in a prompt: the sum before it is set right, and what it is made of."""

    raw: float
    sight: tuple[float, ...]
    parts: Mapping[int, float]
    near: tuple[tuple[float, int], ...]


def predict_gain(weights: Weights, text: str) -> Gain:
    """Return what the strong model brings for a prompt, why, and whether that can be believed."""
    prompt = read_prompt(text)
    seen = look(weights, prompt)
    gain = settled(weights, seen.raw)
    outside = _outside(weights.domain, seen.sight)
    return Gain(gain, weights.doubt, outside, _reasons(weights, prompt, seen))


def look(weights: Weights, prompt: Prompt) -> Look:
    """Return what the weights see in a prompt."""
    space = weights.space
    placed = space.place(prompt)
    near = space.near(placed)
    parts = {
        bucket: value * signed(weights.terms[bucket]) * weights.step
        for bucket, value in placed.items()
    }
    linear = weights.bias + sum(parts.values())
    share = weights.group_share
    raw = (1 - share) * linear + (share * of_groups(space, near, linear) if share else 0.0)
    return Look(raw, space.sight(prompt, placed, near[0][0] if near else 0.0), parts, near)


def settled(weights: Weights, raw: float) -> float:
    """Return the gain that held-out prompts showed where the sum was so high."""
    return min(1.0, max(-1.0, weights.shift + weights.slope * raw))


def signed(byte: int) -> int:
    """Return a byte as a number from -128 to 127."""
    return byte - 256 if byte > 127 else byte


def of_groups(space: Space, near: Sequence[tuple[float, int]], otherwise: float) -> float:
    """Return the gain of the nearest groups, by the square of their likeness."""
    weighed = [(value * value, space.groups[at].gain) for value, at in near if value > 0]
    total = sum(weight for weight, _ in weighed)
    return sum(weight * gain for weight, gain in weighed) / total if total else otherwise


def distance(domain: Domain, sight: Sequence[float]) -> float:
    """Return how far a prompt is from the trained ones, what goes together counted once."""
    off = _off(domain, sight)
    return sum(
        x * sum(y * z for y, z in zip(row, off, strict=True))
        for x, row in zip(off, domain.joint, strict=True)
    )


def _off(domain: Domain, sight: Sequence[float]) -> list[float]:
    triples = zip(sight, domain.usual, domain.spread, strict=True)
    return [(value - usual) / spread for value, usual, spread in triples]


def _outside(domain: Domain, sight: Sequence[float]) -> str:
    far = distance(domain, sight)
    if far <= domain.limit:
        return ""
    off = _off(domain, sight)
    most = max(range(len(off)), key=lambda place: (abs(off[place]), -place))
    return (
        "it is unlike the prompts that were trained with "
        f"({far / (domain.limit or 1e-9):.1f} times as far off as the limit; "
        f"most by its {SIGHT[most]}: {sight[most]:.2f}, "
        f"usual {domain.usual[most]:.2f})"
    )


def _reasons(weights: Weights, prompt: Prompt, seen: Look) -> tuple[str, ...]:
    parts, near = seen.parts, seen.near
    scale = weights.slope * (1 - weights.group_share)
    pairs = [(value, bucket) for bucket, value in parts.items()]
    up = [pair for pair in nlargest(_SHOWN, pairs) if pair[0] * scale > 0.0005]
    down = [pair for pair in nsmallest(_SHOWN, pairs) if pair[0] * scale < -0.0005]
    told = []
    for who, listed in (("strong", up), ("weak", down)):
        if listed:
            terms = (f"{prompt.name(bucket)!r} {value * scale:+.3f}" for value, bucket in listed)
            told.append(f"for the {who} model speak {', '.join(terms)}")
    if near and near[0][0] > 0:
        group = weights.space.groups[near[0][1]]
        told.append(
            f"nearest are {group.prompts:,} trained prompts ({group.label}) "
            f"with a gain of {group.gain:+.2f}"
        )
    return tuple(told)
