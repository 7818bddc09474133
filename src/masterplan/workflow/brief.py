"""The brief: what the user wants, as text, and the examples that stand in it.

Owns reading a brief and finding its examples (doctest style, or ``call -> result``); an example is
the user's own word and becomes acceptance. Must not know models or specs.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from masterplan.core.errors import InputError

MAX_BRIEF_BYTES = 400_000

_ARROW = re.compile(
    r"^[\s*\-`]*(?P<call>[A-Za-z_][\w.]*\(.*\))\s*(?:->|→|=>|==)\s*(?P<out>.+?)[`\s.]*$"
)
_RAISES = re.compile(r"^(?:raises\s+)?(?P<name>[A-Za-z_]\w*(?:Error|Exception))\b")


@dataclass(frozen=True)
class BriefExample:
    """A call in the brief with its result, or the error it raises, as Python literals."""

    function: str
    call: str
    result: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Brief:
    """The user's text, its SHA-256, its paragraphs and the examples found in it."""

    text: str
    digest: str
    examples: tuple[BriefExample, ...]
    paragraphs: tuple[str, ...] = ()
    source: str = ""

    @property
    def numbered(self) -> str:
        """The brief with a number before each paragraph, so that one can be pointed at."""
        lines = [f"[{number}] {text}" for number, text in enumerate(self.paragraphs, 1)]
        shown = [f"{e.call} -> {e.result or e.error}" for e in self.examples]
        return "\n".join([*lines, *(["", "Examples:"] if shown else []), *shown])


def load_brief(path: Path) -> Brief:
    """Read a brief; InputError where it is missing, empty, too large or not text."""
    where = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            "brief.unreadable",
            f"the brief cannot be read: {error.strerror or error}",
            where=where,
            mend="name a text file that says what to build, for example brief.md",
        ) from error
    if len(data) > MAX_BRIEF_BYTES:
        raise InputError(
            "brief.too_large",
            f"the brief has {len(data):,} bytes; {MAX_BRIEF_BYTES:,} is the most",
            where=where,
            mend="say what to build in a few pages and leave source files in the repository",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "brief.not_text", f"byte {error.start} is not UTF-8", where=where, mend="save as UTF-8"
        ) from error
    return parse_brief(text, where)


def parse_brief(text: str, where: str = "brief") -> Brief:
    """Turn text into a brief; InputError where there is nothing in it."""
    if not re.search(r"\w", text) or "\x00" in text:
        raise InputError(
            "brief.empty",
            "the brief says nothing",
            where=where,
            mend="write what should exist when the work is done, with an example or two",
        )
    text = text.replace("\r\n", "\n")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Brief(text, digest, tuple(_examples(text)), _paragraphs(text), where)


def _examples(text: str) -> list[BriefExample]:
    lines = text.split("\n")
    found: list[BriefExample] = []
    for index, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(">>> "):
            output = _doctest_output(lines[index + 1 :])
            example = _example(stripped[4:], output)
        else:
            match = _ARROW.match(line)
            example = _example(match["call"], match["out"].strip("` ")) if match else None
        if example is not None and example not in found:
            found.append(example)
    return found


def _paragraphs(text: str) -> tuple[str, ...]:
    """Return paragraphs and list items as one line each, without the examples.

    A heading goes before what follows it: alone it would be a number that says nothing.
    """
    found: list[list[str]] = []
    heading = ""
    is_open = is_example = False
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("#"):
            heading, is_open = stripped.lstrip("# "), False
        elif not stripped:
            is_open = is_example = False
        elif stripped.startswith((">>>", "```")):
            is_example = True
        elif not is_example:
            if not is_open or re.match(r"([-*+]|\d+[.)])\s", stripped):
                found.append([f"{heading}:"] if heading else [])
                heading = ""
            # The item's own number would be taken for the paragraph's.
            found[-1].append(re.sub(r"^([-*+]|\d+[.)])\s+", "", stripped))
            is_open = True
    return tuple(" ".join(lines) for lines in found)


def _doctest_output(following: list[str]) -> str:
    output: list[str] = []
    for line in following:
        if not line.strip() or line.strip().startswith((">>>", "```")):
            break
        output.append(line.strip())
    if output and output[0].startswith("Traceback"):
        return output[-1]
    return "\n".join(output)


def _example(call: str, output: str) -> BriefExample | None:
    """Return an example only where both sides are what they seem: a plain call and a literal."""
    try:
        tree = ast.parse(call, mode="eval").body
    except SyntaxError:
        return None
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name)):
        return None
    raised = _RAISES.match(output)
    if raised:
        return BriefExample(tree.func.id, call, error=raised["name"])
    try:
        ast.literal_eval(output)
    except (ValueError, SyntaxError):
        return None
    return BriefExample(tree.func.id, call, result=output)
