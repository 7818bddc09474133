"""The built-in builder: which files an answer holds, and what a small model is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_case import SMALL, asked_texts, planning

from masterplan.core.errors import BuildError
from masterplan.core.task import Task
from masterplan.providers.fake import Reply
from masterplan.workflow.agent import ComplaintError
from masterplan.workflow.builders import Assignment, Proposal
from masterplan.workflow.builders.direct import DirectBuilder, read_answer
from masterplan.workflow.failure import CHANGE_HEADING

ONE, TWO = ("a.py",), ("a.py", "b.py")


@pytest.mark.parametrize(
    ("answer", "writable", "files"),
    [
        ("```python\nx = 1\n```", ONE, {"a.py": "x = 1\n"}),
        ("Here it is:\n\n```\nx = 1\n```\nDone.", ONE, {"a.py": "x = 1\n"}),
        ("~~~py\nx = 1\n~~~", ONE, {"a.py": "x = 1\n"}),
        ("```\nx = 1\n```\nUse it:\n```python\nimport a\n```", ONE, {"a.py": "x = 1\n"}),
        ("FILE: a.py\n```python\nx = 1\n```", ONE, {"a.py": "x = 1\n"}),
        ("FILE: ./a.py\n```python\nx = 1\n```", ONE, {"a.py": "x = 1\n"}),
        ("**FILE: `a.py`**\n```\n1\n```\n### File: b.py:\n```\n2\n```", TWO,
         {"a.py": "1\n", "b.py": "2\n"}),
        ("FILE: a.py\n\n```\n1\n```\n\nFILE: b.py\n```\n2\n```", TWO,
         {"a.py": "1\n", "b.py": "2\n"}),
        ("FILE: b.py\n```\n2\n```", TWO, {"b.py": "2\n"}),
        ("FILE: a.py\n```\n1\n```\nFILE: a.py\n```\n2\n```", TWO, {"a.py": "2\n"}),
        ("This file: holds x\n```\nx = 1\n```", ONE, {"a.py": "x = 1\n"}),
        ("PROFILE: fast\n```\nx = 1\n```", ONE, {"a.py": "x = 1\n"}),
        ("````markdown\n# T\n```python\nx\n```\n````", ("a.md",),
         {"a.md": "# T\n```python\nx\n```\n"}),
        ("```markdown\n# T\n```python\nx\n```\nend\n```", ("a.md",),
         {"a.md": "# T\n```python\nx\n```\nend\n"}),
        ("FILE: a.py\n```python\nx = 1\nFILE: b.py\n```", ONE, {"a.py": "x = 1\nFILE: b.py\n"}),
        ("```python\r\nx = 1\r\n```\r\n", ONE, {"a.py": "x = 1\n"}),
        ("```python\nx = 1\n", ONE, {"a.py": "x = 1\n"}),
        ("```\n```", ONE, {"a.py": ""}),
        ("FILE: ../evil.py\n```\nx\n```", ONE, {"../evil.py": "x\n"}),
        ("FILE: tests/test_a.py\n```\nx\n```\nFILE: a.py\n```\n1\n```", ONE,
         {"tests/test_a.py": "x\n", "a.py": "1\n"}),
    ],
)  # fmt: skip
def test_answer_when_it_holds_files_then_read(
    answer: str, writable: tuple[str, ...], files: dict[str, str]
) -> None:
    assert dict(read_answer(answer, writable).files) == files


@pytest.mark.parametrize(
    ("answer", "writable", "said"),
    [
        ("x = 1", ONE, "one fenced code block"),
        ("", ONE, "one fenced code block"),
        ("I would rather not.", TWO, "one fenced code block"),
        ("```python\nx = 1", TWO, "one fenced code block"),
        ("```\n1\n```\n```\n2\n```", TWO, "FILE: <path>"),
        ("Sure:\n```python\nx = 1", ONE, "one fenced code block"),
    ],
)
def test_answer_when_no_file_can_be_told_then_a_complaint(
    answer: str, writable: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ComplaintError, match=said):
        read_answer(answer, writable)


def test_answer_when_the_contract_cannot_be_met_then_its_reason_and_no_files() -> None:
    found = read_answer("\nCANNOT: a.f needs a clock\nand there is none", ONE)
    assert (found.cannot_meet, dict(found.files)) == (
        "a.f needs a clock\nand there is none",
        {},
    )
    assert read_answer("```\n# CANNOT: happen\n```", ONE).cannot_meet == ""


PIECES = st.sampled_from(
    ["```", "````", "~~~", "```python", "\n", "FILE: ", "a.py", "b.py", "CANNOT:", "`", " ", "\r"]
)


@given(
    st.lists(PIECES | st.text(max_size=6)).map("".join),
    st.sampled_from([ONE, TWO, ()]),
)
def test_answer_when_anything_then_files_or_a_complaint(
    answer: str, writable: tuple[str, ...]
) -> None:
    try:
        found = read_answer(answer, writable)
    except ComplaintError:
        return
    assert found.files or found.cannot_meet


# --- over the wire ---

TASK = Task("Build a", kind="codegen", run="r1", module="a")
REPORT = f"# Failure report: module a\n\nE  assert 1 == 2\n\n{CHANGE_HEADING}\n\n+x = WRONG_LINE"
FAILED = Assignment(
    "a",
    "# Module a",
    ONE,
    current={"a.py": "x = WRONG_LINE\n"},
    read={"b.py": "given = 1\n"},
    failure_report=REPORT,
    try_number=2,
)


async def test_build_when_the_answer_is_cut_then_complained_of_and_never_taken(
    tmp_path: Path,
) -> None:
    script = [Reply("```\nx = 1\n```", stop="max_tokens"), Reply("```\nx = 2\n```")]
    async with planning(tmp_path, script) as case:
        decision = case.pipe.router.route(TASK)
        made = await DirectBuilder().build(
            Assignment("a", "# Module a", ONE), task=TASK, decision=decision, pipe=case.pipe
        )
        texts = asked_texts(case.fake)
    assert dict(made.files) == {"a.py": "x = 2\n"}
    assert len(made.attempts) == 2
    assert "The answer is not whole (it stopped by max_tokens)" in texts[1]


async def test_build_when_every_answer_is_cut_then_no_usable_output(tmp_path: Path) -> None:
    async with planning(tmp_path, [Reply("```\nx = 1\n```", stop="max_tokens")]) as case:
        decision = case.pipe.router.route(TASK)
        with pytest.raises(BuildError) as error:
            await DirectBuilder().build(
                Assignment("a", "# Module a", ONE), task=TASK, decision=decision, pipe=case.pipe
            )
        assert case.fake.executions == 2
    assert error.value.code == "model.unusable_output"


@pytest.mark.parametrize("is_small", [True, False])
async def test_build_when_it_failed_before_then_only_a_big_model_sees_its_own_change(
    tmp_path: Path, is_small: bool
) -> None:
    async with planning(tmp_path, [Reply("```\nx = 1\n```")]) as case:
        task = TASK if not is_small else Task("x", kind="codegen", run="r1", model=SMALL)
        decision = case.pipe.router.route(task)
        await DirectBuilder().build(FAILED, task=task, decision=decision, pipe=case.pipe)
        (text,) = asked_texts(case.fake)
        (asked,) = case.fake.received
    assert "E  assert 1 == 2" in text
    assert "given = 1" in text
    assert ("WRONG_LINE" in text) is not is_small
    assert ("CANNOT:" in text) is not is_small
    assert ("ASK:" in text) is not is_small
    assert asked.request.temperature == (0.6 if is_small else None)


async def test_build_when_small_and_first_then_it_sees_its_file_but_no_stub(tmp_path: Path) -> None:
    task = Task("x", kind="codegen", run="r1", model=SMALL)
    stub = "def f():\n    raise NotImplementedError\n"
    first = Assignment("a", "# Module a", TWO, current={"a.py": "KNOWN = 1\n", "b.py": stub})
    async with planning(tmp_path, [Reply("FILE: a.py\n```\nx = 1\n```")]) as case:
        decision = case.pipe.router.route(task)
        await DirectBuilder().build(first, task=task, decision=decision, pipe=case.pipe)
        (text,) = asked_texts(case.fake)
        (asked,) = case.fake.received
    assert "KNOWN = 1" in text
    assert "NotImplementedError" not in text
    assert asked.request.temperature == 0.1
    assert asked.request.max_output_tokens == 600


@pytest.mark.parametrize("lead", ["", "\n  "])
def test_answer_when_it_is_a_question_then_only_its_line_is_asked(lead: str) -> None:
    text = f"{lead}ASK: Which way?\nI could do both:\n```\nx = 1\n```\n"
    assert read_answer(text, ("a.py",)) == Proposal({}, question="Which way?")


def test_answer_when_a_small_model_asks_then_it_is_not_heard() -> None:
    text = "ASK: Which way?\n```\nx = 1\n```\n"
    assert read_answer(text, ("a.py",), may_ask=False) == Proposal({"a.py": "x = 1\n"})
    with pytest.raises(ComplaintError):
        read_answer("ASK: Which way?", ("a.py",), may_ask=False)
