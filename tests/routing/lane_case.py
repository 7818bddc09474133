"""What the tests of evidence share: turns of a conversation as clients write them."""

from __future__ import annotations

import itertools
import json

from masterplan.core.message import Message, Text, ToolCall, ToolResult
from masterplan.routing.trajectory import Trajectory, observe

_NUMBERS = itertools.count()


def turn(
    name: str, fields: dict[str, object] | str, answer: str, *, is_error: bool = False
) -> list[Message]:
    """One turn: the model's call and the client's result."""
    call_id = f"call_{next(_NUMBERS)}"
    arguments = fields if isinstance(fields, str) else json.dumps(fields)
    return [
        Message("assistant", (ToolCall(call_id, name, arguments),)),
        Message("user", (ToolResult(call_id, (Text(answer),), is_error),)),
    ]


def bash(command: str, answer: str, *, is_error: bool = False) -> list[Message]:
    """One shell call as Claude Code makes it."""
    return turn("Bash", {"command": command}, answer, is_error=is_error)


def landed(path: str = "a.py") -> list[Message]:
    """An edit that landed."""
    fields: dict[str, object] = {"file_path": path, "old_string": "a", "new_string": "b"}
    return turn("Edit", fields, f"The file {path} has been updated successfully.")


def missed() -> list[Message]:
    """An edit whose text was not there."""
    text = f"<tool_use_error>String to replace not found in file.\nString: x{next(_NUMBERS)}"
    return turn("Edit", {"file_path": f"{next(_NUMBERS)}.py"}, text, is_error=True)


def failing() -> list[Message]:
    """A run of tests that failed, in other words each time."""
    words = "".join(chr(97 + int(digit)) for digit in str(next(_NUMBERS)))
    return bash("pytest -q", f"Exit code 1\nE {words}\n1 failed, 3 passed in 0.1s", is_error=True)


def passing() -> list[Message]:
    """A run of tests that passed."""
    return bash("pytest -q", "....\n4 passed in 0.12s")


def seen_of(*turns: list[Message], seen: Trajectory | None = None) -> Trajectory:
    """The trajectory of these turns."""
    return observe(seen or Trajectory(), [message for each in turns for message in each])
