"""What a text is taken for, with reasons; what is stated wins; nothing is slow or fails."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.core.task import KINDS, NEEDS, Kind, Task
from masterplan.routing import profile

TEXTS: list[tuple[str, Kind]] = [
    ("Design the architecture for a payment system", "architecture"),
    ("Plan the migration from MySQL to Postgres", "planning"),
    ("Break down this epic into milestones", "planning"),
    ("Fix the race condition in the scheduler", "debugging"),
    ("Why does the worker crash with a segfault?", "debugging"),
    ("Debug the intermittent deadlock in the connection pool", "debugging"),
    ("Implement a rate limiter with a sliding window", "codegen"),
    ("Write a function that slugifies text", "codegen"),
    ("Add a retry with exponential backoff to the HTTP client", "codegen"),
    ("Refactor the billing module without changing behaviour", "refactor"),
    ("Rename customer to client across all modules", "refactor"),
    ("Build a React login form", "frontend"),
    ("Fix the CSS of the button", "frontend"),
    ("Scaffold a CRUD API for orders", "boilerplate"),
    ("Write unit tests for the parser", "tests"),
    ("Write tests for the login form", "tests"),
    ("Add docstrings to the client module", "docs"),
    ("fix typo in README", "docs"),
    ("fix typo", "docs"),
    ("Fix the spelling mistakes in the help text", "docs"),
    ("Fix the comment above the loop", "docs"),
    ("Fix the crash when the name has a typo", "debugging"),
    ("Implement a spelling checker", "codegen"),
    ("Center the div", "frontend"),
    ("Please fix the layout on small screens", "frontend"),
    ("Make the button blue", "frontend"),
    ("Debug why the button crashes the server", "debugging"),
    ("Research which library to use for PDF parsing", "research"),
    ("Review this pull request", "review"),
    ("Summarize the conversation so far", "compaction"),
    ("Generate a title for this session", "auxiliary"),
]


@pytest.mark.parametrize(("text", "kind"), TEXTS, ids=[text[:40] for text, _ in TEXTS])
def test_kind_when_only_text_then_told_with_its_words(text: str, kind: Kind) -> None:
    found = profile(Task(text))
    signal = found.signals[0]
    assert found.kind == kind
    assert (signal.source, signal.what) == ("text", f"kind {kind}")
    assert "the text says" in signal.reason
    assert signal.confidence <= 0.9


def test_kind_when_nothing_tells_then_codegen_and_hardly_believed() -> None:
    signal = profile(Task("42")).signals[0]
    assert (signal.what, signal.source) == ("kind codegen", "default")
    assert signal.confidence < 0.5


def test_profile_when_stated_then_the_text_does_not_matter() -> None:
    task = Task(
        "Fix the race condition", kind="docs", complexity=0.9, needs=frozenset({"vision"}),
        input_tokens=10, output_tokens=20,
    )  # fmt: skip
    found = profile(task)
    assert (found.kind, found.complexity, found.needs) == ("docs", 0.9, {"vision"})
    assert (found.input_tokens, found.output_tokens) == (10, 20)
    assert {signal.source for signal in found.signals} == {"stated"}


def test_profile_when_the_lane_says_it_then_the_protocol_wins_over_text() -> None:
    found = profile(Task("Fix the race condition", lane="compaction"))
    assert (found.kind, found.signals[0].source) == ("compaction", "protocol")


def test_complexity_when_words_are_hard_or_easy_then_moves_and_says_why() -> None:
    plain = profile(Task("Implement a queue"))
    hard = profile(Task("Implement a lock-free concurrent queue with transactions"))
    easy = profile(Task("Implement a small simple queue"))
    assert easy.complexity < plain.complexity < hard.complexity
    assert "'concurrent'" in hard.signals[1].reason
    assert "'simple'" in easy.signals[1].reason


def test_needs_when_much_goes_in_then_long_context() -> None:
    assert "long_context" in profile(Task("x", input_tokens=400_000)).needs
    assert "vision" in profile(Task("Create a landing page from this screenshot")).needs


@given(st.text(max_size=400), st.sampled_from([None, *KINDS]))
def test_profile_when_any_text_then_whole_and_the_same_twice(text: str, kind: Kind | None) -> None:
    found = profile(Task(text, kind=kind))
    assert found == profile(Task(text, kind=kind))
    assert 0 <= found.complexity <= 1
    assert found.needs <= set(NEEDS)
    assert found.kind in KINDS


def test_profile_when_the_text_is_huge_then_still_fast() -> None:
    task = Task("(aaaaaaaaaa " * 80_000)
    started = time.perf_counter()
    profile(task)
    assert time.perf_counter() - started < 0.1
