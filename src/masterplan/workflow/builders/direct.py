"""The built-in builder: one model, one answer, whole files in fenced blocks.

Owns the prompt's values and reading files out of an answer. Fenced text, not JSON: small models
write far better code when they need not escape it. Must not write files nor judge them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from masterplan.core.decision import Decision
from masterplan.core.task import Task
from masterplan.pipe import Pipe
from masterplan.workflow.agent import Asker, ComplaintError, Question
from masterplan.workflow.builders import Assignment, Proposal
from masterplan.workflow.failure import CHANGE_HEADING
from masterplan.workflow.prompt import prompt

MAX_OUTPUT_TOKENS = 16_000
SMALL_OUTPUT_TOKENS = 600
SMALL_CONTEXT_TOKENS = 16_000
SMALL_REPORT_CHARS = 1_000
STUB_MARK = "raise NotImplementedError"
FIRST_TEMPERATURE, LATER_TEMPERATURE = 0.1, 0.6

_FENCE = re.compile(r"^(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)
_FILE = re.compile(r"^[\s>#*\-]*FILE:[\s*]*`?([^\s`*]+?)[`*\s:]*$", re.IGNORECASE | re.MULTILINE)
_ASK = re.compile(r"^\s*ASK:[ \t]*(\S[^\n]*)")
_CANNOT = re.compile(r"^\s*CANNOT:\s*(\S.*)", re.DOTALL)


class DirectBuilder:
    """Asks the decided model for whole files, through the pipe."""

    name = "direct"

    async def build(
        self, assignment: Assignment, *, task: Task, decision: Decision, pipe: Pipe
    ) -> Proposal:
        """Return the files of one answer; raise ProviderError, BudgetError or LedgerError."""
        card = pipe.catalog.card(decision.model)
        is_small = card.context_tokens < SMALL_CONTEXT_TOKENS
        question = Question(
            prompt("builder"),
            prompt(
                "build",
                slice=assignment.slice_text,
                read=assignment.read,
                current=_shown(assignment, is_small),
                failure=_told(assignment, is_small),
                paths=assignment.writable,
                # A small model takes any way out it is offered.
                may_refuse=not is_small,
            ),
            (task.output_tokens or SMALL_OUTPUT_TOKENS) if is_small else MAX_OUTPUT_TOKENS,
            # Models that take no temperature refuse it, so only those known to need it get one.
            temperature(assignment.try_number) if is_small else None,
            # A small model answers a complaint by repeating it; the next try starts afresh.
            retries=0 if is_small else 1,
        )

        def read(text: str) -> Proposal:
            return read_answer(text, assignment.writable, may_ask=not is_small)

        answer = await Asker(pipe, task, decision).text(question, read)
        return replace(answer.output, attempts=answer.attempts)


def _shown(assignment: Assignment, is_small: bool) -> dict[str, str]:
    """Return the files to show as they stand.

    A small model copies what it is shown, its own mistake included: it sees neither stubs nor the
    failed try, only files that were there before it.
    """
    shown = dict(assignment.current)
    if not is_small:
        return shown
    if assignment.failure_report:
        return {}
    return {path: text for path, text in shown.items() if STUB_MARK not in text}


def _told(assignment: Assignment, is_small: bool) -> str:
    """Return the failure report, for a small model without the change it would only repeat."""
    report = assignment.failure_report
    if not is_small:
        return report
    told = report.partition(CHANGE_HEADING)[0].strip()
    return told if len(told) <= SMALL_REPORT_CHARS else f"…{told[-SMALL_REPORT_CHARS:]}"


def temperature(try_number: int) -> float:
    """Return the temperature of a try: after a failure a small model needs room to differ."""
    return FIRST_TEMPERATURE if try_number == 1 else LATER_TEMPERATURE


@dataclass(frozen=True)
class _Block:
    """A fenced block: its text, and where it begins and ends in the answer with its fences."""

    text: str
    start: int
    end: int


def read_answer(text: str, writable: tuple[str, ...], *, may_ask: bool = True) -> Proposal:
    """Read the files, or the question, out of an answer; ComplaintError where there is neither.

    A path outside ``writable`` is kept as proposed: refusing it is the engine's business.
    """
    asked = _ASK.match(text) if may_ask else None
    if asked:
        return Proposal({}, question=asked[1].strip())
    refusal = _CANNOT.match(text)
    if refusal:
        return Proposal({}, cannot_meet=refusal[1].strip())
    text = text.replace("\r\n", "\n")
    blocks = _blocks(text, is_nested=True)
    if blocks is None:
        blocks = _blocks(text, is_nested=False)
    if not blocks:
        return _unfenced(text, writable)
    files: dict[str, str | None] = {}
    start = 0
    for block in blocks:
        named = _FILE.findall(text, start, block.start)
        start = block.end
        if named:
            files[named[-1].removeprefix("./")] = _ended(block.text)
        elif len(writable) == 1:
            # Without a name the first block is the file; later ones are usage examples.
            files.setdefault(writable[0], _ended(block.text))
    if not files:
        raise ComplaintError(
            "Put a line `FILE: <path>` before each fenced block; the paths are: "
            + ", ".join(writable)
        )
    return Proposal(files)


def _blocks(text: str, *, is_nested: bool) -> list[_Block] | None:
    """Return the closed blocks; ``None`` where ``is_nested`` and the fences do not pair up.

    A fence with a word after it opens: inside a block (a file of Markdown) it opens a block of the
    file's own, which the next bare fence closes.
    """
    found: list[_Block] = []
    opened: list[re.Match[str]] = []
    for fence in _FENCE.finditer(text):
        is_bare = not fence[2].strip()
        if not opened:
            opened.append(fence)
        elif is_bare and fence[1] == opened[-1][1]:
            first = opened.pop()
            if not opened:
                inside = text[first.end() + 1 : fence.start()]
                found.append(_Block(inside, first.start(), fence.end()))
        elif is_nested and not is_bare and fence[1] == opened[-1][1]:
            opened.append(fence)
    return None if is_nested and opened else found


def _unfenced(text: str, writable: tuple[str, ...]) -> Proposal:
    opened = re.match(r"^\s*(?:`{3,}|~{3,})[^\n]*\n", text)
    if opened and len(writable) == 1:
        # The closing fence was forgotten; whether the file is whole, the checks say.
        return Proposal({writable[0]: _ended(text[opened.end() :])})
    raise ComplaintError("Answer with the whole file in one fenced code block.")


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"
