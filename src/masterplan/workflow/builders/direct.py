"""The built-in builder: one model, one answer, whole files in fenced blocks.

Owns the prompt's values and reading files out of an answer. Fenced text, not JSON: small models
write far better code when they need not escape it. Must not write files nor judge them.
"""

from __future__ import annotations

import re

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
STUB_MARK = "raise NotImplementedError"
FIRST_TEMPERATURE, LATER_TEMPERATURE = 0.1, 0.6

_BLOCK = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"FILE:\s*`?([^\s`*]+)`?", re.IGNORECASE)
_CANNOT = re.compile(r"^\s*CANNOT:\s*(.+)", re.DOTALL)


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
            SMALL_OUTPUT_TOKENS if is_small else MAX_OUTPUT_TOKENS,
            # Models that take no temperature refuse it, so only those known to need it get one.
            temperature(assignment.try_number) if is_small else None,
            retries=1,
        )

        def read(text: str) -> Proposal:
            return read_answer(text, assignment.writable)

        answer = await Asker(pipe, task, decision).text(question, read)
        return Proposal(answer.output.files, answer.output.cannot_meet, answer.attempts)


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
    return report.partition(CHANGE_HEADING)[0].strip() if is_small else report


def temperature(try_number: int) -> float:
    """Return the temperature of a try: after a failure a small model needs room to differ."""
    return FIRST_TEMPERATURE if try_number == 1 else LATER_TEMPERATURE


def read_answer(text: str, writable: tuple[str, ...]) -> Proposal:
    """Read the files out of an answer; ComplaintError where there is none to be found.

    A path outside ``writable`` is kept as proposed: refusing it is the engine's business.
    """
    refusal = _CANNOT.match(text)
    if refusal:
        return Proposal({}, cannot_meet=refusal[1].strip())
    blocks = list(_BLOCK.finditer(text))
    if not blocks:
        return _unfenced(text, writable)
    files: dict[str, str | None] = {}
    start = 0
    for block in blocks:
        named = _FILE.findall(text, start, block.start())
        start = block.end()
        if named:
            files[named[-1]] = _ended(block[2])
        elif len(writable) == 1:
            # Without a name the first block is the file; later ones are usage examples.
            files.setdefault(writable[0], _ended(block[2]))
    if not files:
        raise ComplaintError(
            "Put a line `FILE: <path>` before each fenced block; the paths are: "
            + ", ".join(writable)
        )
    return Proposal(files)


def _unfenced(text: str, writable: tuple[str, ...]) -> Proposal:
    opened = re.match(r"^\s*(?:`{3,}|~{3,})[^\n]*\n", text)
    if opened and len(writable) == 1:
        # The closing fence was cut off or forgotten; whether the file is whole, the checks say.
        return Proposal({writable[0]: _ended(text[opened.end() :])})
    raise ComplaintError("Answer with the whole file in one fenced code block.")


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"
