"""What one line of an INI file is: nothing, a section, or an entry. Knows no other line."""

import re
from dataclasses import dataclass

COMMENT_MARKS = "#;"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_COMMENT = re.compile(r"[ \t][#;]")


@dataclass(frozen=True)
class Section:
    """A line ``[name]``."""

    name: str


@dataclass(frozen=True)
class Entry:
    """A line ``key = value``; the key is in lower case."""

    key: str
    value: str


class LineError(ValueError):
    """The line is none of these; the text says why."""


def parse_line(text: str) -> Section | Entry | None:
    """Return what the line says, or ``None`` for an empty line or a comment."""
    text = text.strip()
    if not text or text[0] in COMMENT_MARKS:
        return None
    if text[0] == "[":
        return _section(text)
    return Entry(*split_entry(text))


def split_entry(text: str) -> tuple[str, str]:
    """Split ``key = value  # comment`` into key and value, without the comment."""
    key, equals, value = text.partition("=")
    key = key.strip().lower()
    if not equals:
        raise LineError("there is no '='")
    if not key:
        raise LineError("there is no key before '='")
    return key, unquote(_without_comment(value).strip())


def unquote(value: str) -> str:
    """Take a pair of double quotes off a value; inside, ``""`` stands for one quote."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1].replace('""', '"')
    return value


def _without_comment(value: str) -> str:
    value = value.strip()
    quoted = _QUOTED.match(value)
    # Stripped, a value that begins with a mark has no gap before it: the mark belongs to it.
    comment = _COMMENT.search(value, quoted.end() if quoted else 0)
    return value[: comment.start()] if comment else value


def _section(text: str) -> Section:
    name, bracket, rest = text[1:].partition("]")
    if not bracket:
        raise LineError("the section has no ']'")
    rest = rest.strip()
    if rest and rest[0] not in COMMENT_MARKS:
        raise LineError(f"{rest!r} follows the section")
    name = name.strip()
    if not name:
        raise LineError("the section has no name")
    return Section(name)
