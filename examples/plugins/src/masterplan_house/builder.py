"""The builder ``file-by-file``: one question for each file, so that answers stay short.

Owns its prompt and how a file is read out of an answer. It neither writes files nor judges them:
the engine does both.
"""

import re

from masterplan.core.decision import Decision
from masterplan.core.message import Message, Request, Text
from masterplan.core.task import Task
from masterplan.pipe import Pipe
from masterplan.workflow.builders import Assignment, Proposal

MAX_OUTPUT_TOKENS = 8_000
SYSTEM = "You write one file of a program. Answer with the whole file in one fenced block."
_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)


class FileByFileBuilder:
    """Asks the decided model for each writable file in turn, showing it those written before."""

    name = "file-by-file"

    async def build(
        self, assignment: Assignment, *, task: Task, decision: Decision, pipe: Pipe
    ) -> Proposal:
        """Return one file for each path; a path whose answer holds no file is left out."""
        files: dict[str, str | None] = {}
        attempts: list[str] = []
        for path in assignment.writable:
            request = Request(
                model="",  # the pipe puts in the decided one
                messages=(
                    Message("system", (Text(SYSTEM),)),
                    Message("user", (Text(_question(assignment, path, files)),)),
                ),
                max_output_tokens=MAX_OUTPUT_TOKENS,
            )
            reply = await pipe.call(task, request, decision=decision)
            attempts += reply.attempts
            block = _BLOCK.search(reply.response.text)
            if block is not None:
                files[path] = block[1]
        return Proposal(files, attempts=tuple(attempts))


def _question(assignment: Assignment, path: str, written: dict[str, str | None]) -> str:
    shown = {**assignment.read, **assignment.current, **written}
    parts = [assignment.slice_text]
    parts += [f"`{name}`:\n```\n{text}```" for name, text in shown.items() if text]
    if assignment.failure_report:
        parts.append(f"The last try failed:\n```\n{assignment.failure_report}\n```")
    parts.append(f"Write the whole of `{path}` now, and no other file.")
    return "\n\n".join(parts)
