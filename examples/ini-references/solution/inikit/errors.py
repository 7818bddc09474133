"""The errors of inikit."""


class IniError(Exception):
    """Base of all errors of this package."""


class ParseFailure(IniError):
    """A line that is no INI; ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class LookupFailure(IniError):
    """A section or key that is not there."""

    def __init__(self, section: str, key: str | None = None) -> None:
        what = f"no section [{section}]" if key is None else f"no key {key!r} in [{section}]"
        super().__init__(what)
        self.section = section
        self.key = key


class ExpandFailure(IniError):
    """A value whose references cannot be replaced; names the entry that holds the bad one."""

    def __init__(self, section: str, key: str, reason: str) -> None:
        super().__init__(f"[{section}] {key}: {reason}")
        self.section = section
        self.key = key
        self.reason = reason
