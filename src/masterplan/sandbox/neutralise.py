"""Makes foreign text safe to show: no terminal escapes, no hidden or reordering characters.

What is taken out is shown as a visible escape, so that nothing disappears silently. Must not know
where the text comes from.
"""

from __future__ import annotations

import re

# Control characters except tab and newline; then bidi controls, zero-width and other invisible
# format characters, line and paragraph separators, tags and the byte-order mark.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)


def neutralise(text: str) -> str:
    r"""Show terminal escapes, bidi and zero-width characters instead of letting them act.

    >>> print(neutralise("\x1b[2Jgone\u202e"))
    \x1b[2Jgone\u202e
    """
    return _HARMFUL.sub(_show, text.replace("\r\n", "\n"))


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
