"""An INI file in memory: sections in order, each with its keys in order."""

from collections.abc import Iterator

from inikit.errors import IniError, LookupFailure

_TRUE = frozenset({"1", "yes", "true", "on"})
_FALSE = frozenset({"0", "no", "false", "off"})


class Document:
    """Sections of keys and values. Keys are compared in lower case, section names as written."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, str]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __contains__(self, section: object) -> bool:
        return section in self._sections

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Document):
            return NotImplemented
        mine, theirs = self._sections, other._sections
        return list(mine) == list(theirs) and all(
            list(mine[name].items()) == list(theirs[name].items()) for name in mine
        )

    __hash__ = None  # type: ignore[assignment]

    def add_section(self, section: str) -> None:
        """Add an empty section; one that is there stays as it is."""
        self._sections.setdefault(section, {})

    def keys(self, section: str) -> list[str]:
        """Return the keys of a section in their order."""
        return list(self._section(section))

    def get(self, section: str, key: str) -> str:
        """Return a value as it was written; LookupFailure if it is not there."""
        found = self._section(section).get(key.lower())
        if found is None:
            raise LookupFailure(section, key)
        return found

    def get_int(self, section: str, key: str) -> int:
        """Return a value as an int; IniError if it is none."""
        value = self.get(section, key)
        try:
            return int(value)
        except ValueError:
            raise IniError(f"[{section}] {key}: {value!r} is not a whole number") from None

    def get_bool(self, section: str, key: str) -> bool:
        """Return a value as a bool: yes/no, true/false, on/off, 1/0 in any case."""
        value = self.get(section, key)
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        raise IniError(f"[{section}] {key}: {value!r} is neither yes nor no")

    def set(self, section: str, key: str, value: str) -> None:
        """Set a value, adding section and key at the end where they are new."""
        self._sections.setdefault(section, {})[key.lower()] = value

    def remove(self, section: str, key: str) -> None:
        """Remove a key; LookupFailure if it is not there."""
        self.get(section, key)
        del self._sections[section][key.lower()]

    def _section(self, section: str) -> dict[str, str]:
        found = self._sections.get(section)
        if found is None:
            raise LookupFailure(section)
        return found
