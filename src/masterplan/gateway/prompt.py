"""The words a person asked for, out of what a client wraps around them.

Pure. Must not decide what kind of work they mean.
"""

from __future__ import annotations

import re

from masterplan.core.message import Text
from masterplan.dialects.peek import Peek, tail

_REMINDER = re.compile(r"<(system-reminder|environment_context)>.*?</\1>", re.DOTALL)
_LAST = 6
"""Messages from the end that are looked at: behind them stand answers to tools."""


def prompt_of(seen: Peek) -> str:
    """Return the last text of the user's in a conversation; empty where there is none."""
    messages = tail(seen, max(len(seen.messages) - _LAST, 0))
    for message in reversed(messages):
        if message.role != "user":
            continue
        texts = [part.text for part in message.parts if isinstance(part, Text)]
        told = _REMINDER.sub("", "\n".join(texts)).strip()
        if told:
            return told
    return ""
