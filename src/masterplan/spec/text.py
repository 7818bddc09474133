"""The bounded texts a spec is made of: ids, paths, commands, amounts and prose.

Owns what one value may look like and how a bad one is reported. Must not know which field holds it.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from masterplan.core.money import parse_usd
from masterplan.spec.path import MAX_PATH_CHARS, check_path

MAX_ID_CHARS = 64
_ID = r"[a-z0-9]+(?:[-_][a-z0-9]+)*"
_DOTTED_ID = r"[a-z0-9]+(?:[-_.][a-z0-9]+)*"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def id_key(text: str) -> str:
    """Return what two ids share when they are one after normalisation.

    >>> id_key("parse_csv") == id_key("parse-csv")
    True
    """
    return re.sub(r"[-_.]+", "-", unicodedata.normalize("NFKC", text).casefold())


def suggest_id(text: str) -> str:
    """Turn any text into a legal id that looks like it, or ``"item"``."""
    plain = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:MAX_ID_CHARS].strip("-") or "item"


def _check_id(pattern: str, text: str) -> str:
    if len(text) <= MAX_ID_CHARS and re.fullmatch(pattern, text):
        return text
    raise PydanticCustomError(
        "spec.bad_id",
        "{shown} is not an id: lowercase ASCII letters, digits and '-', at most 64 characters",
        {"shown": _shown(text), "mend": f"Write {suggest_id(text)!r}."},
    )


def _check_plain(text: str) -> str:
    found = _CONTROL.search(text)
    if found is None:
        return text
    raise PydanticCustomError(
        "spec.control_character",
        "the text holds the control character {shown}",
        {"shown": f"U+{ord(found[0]):04X}", "mend": "Remove it; only tabs and newlines may stay."},
    )


def _check_command(text: str) -> str:
    if text.strip() and "\n" not in text and "\r" not in text:
        return text
    raise PydanticCustomError(
        "spec.bad_command",
        "{shown} is not one line of a command",
        {"shown": _shown(text), "mend": "Write one command on one line."},
    )


def _check_repo_path(text: str) -> str:
    problem = check_path(text)
    if problem is None:
        return text
    raise PydanticCustomError(
        "spec.path",
        "{message}",
        {"message": problem.message, "mend": problem.mend, "code": problem.code},
    )


def _to_usd(value: object) -> object:
    # A planner writes 0.25 as often as "$0.25"; repr keeps the digits it wrote.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"${Decimal(repr(value)):f}"
    return value


def _check_usd(text: str) -> str:
    try:
        parse_usd(text)
    except ValueError:
        raise PydanticCustomError(
            "spec.bad_amount",
            "{shown} is not an amount of dollars",
            {"shown": _shown(text), "mend": 'Write an amount like "$0.25".'},
        ) from None
    return text


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")


Id = Annotated[
    str,
    AfterValidator(lambda text: _check_id(_ID, text)),
    WithJsonSchema({"type": "string", "pattern": f"^{_ID}$", "maxLength": MAX_ID_CHARS}),
]
"""A lowercase slug: ``parse-csv``."""

DottedId = Annotated[
    str,
    AfterValidator(lambda text: _check_id(_DOTTED_ID, text)),
    WithJsonSchema({"type": "string", "pattern": f"^{_DOTTED_ID}$", "maxLength": MAX_ID_CHARS}),
]
"""A slug that may have dots: ``text.slugify``; for everything but specs and modules."""

RepoPath = Annotated[
    str,
    AfterValidator(_check_repo_path),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_PATH_CHARS}),
]
"""A path relative to the repository's root that stays inside it."""

Line = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_check_plain)]
Prose = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_check_plain)]
Command = Annotated[Line, AfterValidator(_check_command)]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")]
FileText = Annotated[str, StringConstraints(max_length=400_000)]
Usd = Annotated[
    str,
    BeforeValidator(_to_usd),
    AfterValidator(_check_usd),
    WithJsonSchema({"type": "string", "pattern": r"^\$?\s*\d{1,9}(\.\d{1,9})?$"}),
]
"""An amount of dollars as text, ``"$0.25"``; ``core.money.parse_usd`` reads it."""
