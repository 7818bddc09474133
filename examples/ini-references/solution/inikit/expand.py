"""References between values: ``${key}`` and ``${section.key}``."""

import re

from inikit.document import Document
from inikit.errors import ExpandFailure, LookupFailure

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")


def expand(document: Document, section: str, key: str) -> str:
    """Return a value with its references replaced; ExpandFailure for one that cannot be.

    LookupFailure if the value itself is not there.
    """
    return _expand(document, section, key.lower(), ())


def _expand(document: Document, section: str, key: str, trail: tuple[tuple[str, str], ...]) -> str:
    trail = (*trail, (section, key))

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if not match[2]:
            raise ExpandFailure(section, key, "a '${' has no '}'")
        place, _, name = match[1].rpartition(".")
        target = (place or section, name.lower())
        if target in trail:
            raise ExpandFailure(section, key, f"{match[0]} comes back to itself")
        try:
            document.get(*target)
        except LookupFailure as error:
            raise ExpandFailure(section, key, f"{match[0]}: {error}") from None
        return _expand(document, *target, trail)

    return _REFERENCE.sub(replace, document.get(section, key))
