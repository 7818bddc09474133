"""Model-written text made safe to show: in Markdown, in code spans and blocks, in diagrams.

Owns the escaping only. Nothing that passes here can be HTML, a link, a terminal escape or
invisible text. Must not know the spec.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_MARKUP = re.compile(r"([\\`*_{}\[\]()#|!~$])")
_LABEL = re.compile(r"[^\w .,/:+-]", re.ASCII)
_LINK = re.compile(r"(?i)\b(?=(?:https?|ftp|mailto|www)[:.])")
MAX_LABEL_CHARS = 80


def visible(text: str) -> str:
    """Replace control, format and unassigned characters by their code point, as ``‹U+202E›``."""
    return "".join(c if c in "\n\t" or not _is_hidden(c) else f"‹U+{ord(c):04X}›" for c in text)


def plain(text: str) -> str:
    """Write text as one line of Markdown that renders as itself."""
    line = " ".join(visible(text).split())
    line = _MARKUP.sub(r"\\\1", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A bare address would become a link; a word joiner entity keeps it text.
    line = _LINK.sub("&#8288;", line)
    return re.sub(r"^([-+=]|\d+[.)])", r"\\\1", line)


def paragraphs(text: str) -> str:
    """Write text as paragraphs of Markdown that render as themselves."""
    return "\n\n".join(plain(part) for part in re.split(r"\n\s*\n", text) if part.strip())


def code(text: str) -> str:
    """Write text as a code span of one line, or escaped where no span can hold it."""
    line = " ".join(visible(text).split())
    if not line:
        return ""
    if "`" in line and "|" in line:
        # Readers of tables do not agree on what ends a span and a cell that hold both.
        return plain(line)
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """Write text as a fenced code block."""
    body = visible(text).rstrip("\n")
    fence = "`" * max(_longest_run(body) + 1, 3)
    return f"{fence}{language}\n{body}\n{fence}"


def label(text: str) -> str:
    """Write text as a quoted Mermaid label; what Mermaid could read becomes a character code."""
    line = " ".join(visible(text).split())
    if len(line) > MAX_LABEL_CHARS:
        line = line[: MAX_LABEL_CHARS - 1] + "…"
    return '"' + _LABEL.sub(lambda match: f"#{ord(match[0])};", line) + '"'


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table of cells that are escaped already; ``""`` where there are no rows."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    if not body:
        return ""
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *body])


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
