"""What the router knows of a task: what is stated first, then rules over its text.

Owns the rules and their reasons. Must not know models, prices or the policy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from masterplan.core.task import Kind, Need, Profile, Signal, Task
from masterplan.routing.word import (
    EASY,
    HARD,
    LEAD_WEIGHT,
    LEADS,
    PHRASES,
    PLAIN_LEAD_WEIGHT,
    PLAIN_LEADS,
    SMALL_TALK,
    STRUCTURED,
    VISION,
)

READ_FIRST, READ_LAST = 3_000, 1_000
"""Characters of a long text that are read: people ask at its beginning or its end."""
LONG_CONTEXT_TOKENS = 150_000

BASE_COMPLEXITY: dict[Kind, float] = {
    "architecture": 0.80,
    "planning": 0.70,
    "debugging": 0.60,
    "research": 0.50,
    "review": 0.50,
    "refactor": 0.45,
    "codegen": 0.45,
    "frontend": 0.40,
    "tests": 0.35,
    "docs": 0.20,
    "compaction": 0.20,
    "boilerplate": 0.15,
    "auxiliary": 0.05,
}
SIZES: dict[Kind, tuple[int, int]] = {
    "architecture": (12_000, 6_000),
    "planning": (10_000, 6_000),
    "debugging": (15_000, 4_000),
    "research": (8_000, 3_000),
    "review": (12_000, 2_500),
    "refactor": (8_000, 4_000),
    "codegen": (5_000, 3_500),
    "frontend": (5_000, 4_500),
    "tests": (6_000, 3_500),
    "docs": (5_000, 2_000),
    "compaction": (40_000, 2_000),
    "boilerplate": (1_500, 2_000),
    "auxiliary": (1_000, 100),
}
"""Usual context and output of a kind, in tokens, where the caller states none."""
NEEDS_OF_KIND: dict[Kind, frozenset[Need]] = {
    "architecture": frozenset({"reasoning"}),
    "planning": frozenset({"reasoning"}),
    "debugging": frozenset({"reasoning", "code"}),
    "codegen": frozenset({"code"}),
    "refactor": frozenset({"code"}),
    "frontend": frozenset({"ui", "code"}),
    "boilerplate": frozenset({"code"}),
    "tests": frozenset({"code"}),
    "review": frozenset({"reasoning", "code"}),
}
KIND_OF_LANE: dict[str, Kind] = {
    "plan": "planning",
    "build": "codegen",
    "subagent": "codegen",
    "compaction": "compaction",
    "auxiliary": "auxiliary",
}
"""What a lane is for where nobody states a kind."""
KIND_OF_AGENT: tuple[tuple[str, Kind], ...] = (
    ("explor", "research"),
    ("research", "research"),
    ("investigat", "research"),
    ("plan", "planning"),
    ("architect", "planning"),
    ("review", "review"),
    ("debug", "debugging"),
    ("frontend", "frontend"),
    ("front-end", "frontend"),
)
"""What a sub-agent is for: its name has this in it, whatever its case."""

_WORD = re.compile(r"[a-z0-9][a-z0-9'./+#-]*[a-z0-9+#]|[a-z0-9]")
_ITEM = re.compile(r"^\s*(?:[-*]|\d+[.)])\s", re.MULTILINE)


def profile(task: Task) -> Profile:
    """Return kind, complexity, needs and size of a task, each with its source and confidence.

    >>> profile(Task("Find the race condition behind the lost updates")).kind
    'debugging'
    """
    text = _read(task.text).lower()
    words = _WORD.findall(text)
    kind, kind_signal = _kind(task, words)
    complexity, why = _complexity(task, kind, words, text)
    input_tokens, output_tokens, sizes = _size(task, kind, complexity)
    needs = dict(_needs(task, kind, words, input_tokens))
    return Profile(
        kind=kind,
        complexity=complexity,
        needs=frozenset(needs),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        signals=(kind_signal, why, *needs.values(), *sizes),
    )


def kind_of_lane(lane: str) -> Kind | None:
    """Return what a lane is for: ``main`` can be for anything, a sub-agent's name says it.

    >>> kind_of_lane("subagent:Explore"), kind_of_lane("main")
    ('research', None)
    """
    name, _, agent = lane.partition(":")
    if name == "subagent":
        low = agent.lower()
        for part, kind in KIND_OF_AGENT:
            if part in low:
                return kind
    return KIND_OF_LANE.get(name)


def _read(text: str) -> str:
    if len(text) <= READ_FIRST + READ_LAST:
        return text
    return f"{text[:READ_FIRST]}\n{text[-READ_LAST:]}"


def _kind(task: Task, words: list[str]) -> tuple[Kind, Signal]:
    if task.kind is not None:
        return task.kind, Signal(f"kind {task.kind}", "stated", 1.0, "the caller states it")
    of_lane = kind_of_lane(task.lane)
    if of_lane is not None:
        reason = f"it came in the {task.lane} lane"
        return of_lane, Signal(f"kind {of_lane}", "protocol", 0.95, reason)
    scores: defaultdict[Kind, float] = defaultdict(float)
    seen: defaultdict[Kind, list[str]] = defaultdict(list)
    lead = next((word for word in words if word not in SMALL_TALK), "")
    if lead in LEADS:
        scores[LEADS[lead]] += PLAIN_LEAD_WEIGHT if lead in PLAIN_LEADS else LEAD_WEIGHT
        seen[LEADS[lead]].append(f"{lead!r} first")
    for phrase in _phrases(words):
        kind, weight = PHRASES[phrase]
        scores[kind] += weight
        seen[kind].append(repr(phrase))
    if not scores:
        reason = "nothing in the text says what it is"
        return "codegen", Signal("kind codegen", "default", 0.3, reason)
    ranked = sorted(scores, key=lambda kind: (-scores[kind], kind))
    best = ranked[0]
    second = scores[ranked[1]] if len(ranked) > 1 else 0.0
    confidence = round(min(0.9, scores[best] / (scores[best] + second + 1)), 2)
    reason = ", ".join(dict.fromkeys(seen[best]))
    return best, Signal(f"kind {best}", "text", confidence, f"the text says {reason}")


def _phrases(words: list[str]) -> Iterable[str]:
    """The known phrases of a text, each once, longer ones before the words in them."""
    found: dict[str, None] = {}
    at = 0
    while at < len(words):
        for size in (3, 2, 1):
            phrase = " ".join(words[at : at + size])
            if phrase in PHRASES:
                found[phrase] = None
                at += size - 1
                break
        at += 1
    return found


def _complexity(task: Task, kind: Kind, words: list[str], text: str) -> tuple[float, Signal]:
    if task.complexity is not None:
        value = min(1.0, max(0.0, task.complexity))
        return value, Signal(f"complexity {value:.2f}", "stated", 1.0, "the caller states it")
    unique = dict.fromkeys(words)
    hard = [word for word in unique if word in HARD]
    easy = [word for word in unique if word in EASY]
    items = len(_ITEM.findall(text))
    value = BASE_COMPLEXITY[kind]
    value += min(0.32, 0.08 * len(hard)) - min(0.30, 0.10 * len(easy))
    value += min(0.15, len(words) / 150 * 0.05) + (0.1 if items >= 5 else 0.0)
    value = round(min(0.98, max(0.02, value)), 2)
    told = [f"{kind} usually has {BASE_COMPLEXITY[kind]:.2f}"]
    told += [f"harder for {', '.join(map(repr, hard[:4]))}"] if hard else []
    told += [f"easier for {', '.join(map(repr, easy[:4]))}"] if easy else []
    told += [f"{items} points are asked for"] if items >= 5 else []
    # What a text says of its difficulty hardly predicts who solves it: so the low confidence.
    return value, Signal(f"complexity {value:.2f}", "text", 0.4, "; ".join(told))


def _size(task: Task, kind: Kind, complexity: float) -> tuple[int, int, tuple[Signal, ...]]:
    context, answer = SIZES[kind]
    input_tokens = context + tokens_of(task.text)
    output_tokens = round(answer * (0.6 + 0.8 * complexity))
    guess = f"usual for {kind}"
    into = Signal(f"input {input_tokens:,} tokens", "default", 0.4, f"{guess}, with this text")
    out = Signal(f"output {output_tokens:,} tokens", "default", 0.4, guess)
    stated = "the caller states it"
    if task.input_tokens is not None:
        input_tokens = task.input_tokens
        into = Signal(f"input {input_tokens:,} tokens", "stated", 1.0, stated)
    if task.output_tokens is not None:
        output_tokens = task.output_tokens
        out = Signal(f"output {output_tokens:,} tokens", "stated", 1.0, stated)
    return input_tokens, output_tokens, (into, out)


def tokens_of(text: str) -> int:
    """Estimate the tokens of a text, on the high side for code.

    >>> tokens_of("a" * 350)
    100
    """
    return round(len(text) / 3.5)


def _needs(
    task: Task, kind: Kind, words: list[str], input_tokens: int
) -> Iterable[tuple[Need, Signal]]:
    text = f" {' '.join(words)} "
    for need in sorted(NEEDS_OF_KIND.get(kind, ())):
        yield need, Signal(f"needs {need}", "default", 0.7, f"usual for {kind}")
    for phrases, need in ((VISION, "vision"), (STRUCTURED, "structured")):
        hit = next((phrase for phrase in phrases if f" {phrase} " in text), None)
        if hit is not None:
            yield need, Signal(f"needs {need}", "text", 0.6, f"the text says {hit!r}")
    if input_tokens + (task.output_tokens or 0) > LONG_CONTEXT_TOKENS:
        reason = f"{input_tokens:,} tokens go in"
        yield "long_context", Signal("needs long_context", "stated", 1.0, reason)
    for need in sorted(task.needs):
        yield need, Signal(f"needs {need}", "stated", 1.0, "the caller states it")
