"""On which line of a TOML text each key and each array element stands.

Owns that one question, for complaints with ``file:line``. The text has been accepted by tomllib
before, so nothing is validated here; must not know what the keys mean.
"""

from __future__ import annotations

import tomllib

Path = tuple[str | int, ...]

_END = "\0"


def find_lines(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table, key and array element of a valid TOML text.

    >>> find_lines('[roles.planner]\\nladder = ["a",\\n "b"]')[("roles", "planner", "ladder", 1)]
    3
    """
    return _Scanner(text.replace("\r\n", "\n") + _END).scan()


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of a path, or of the nearest thing around it; 1 where nothing is known."""
    for size in range(len(path), 0, -1):
        if path[:size] in lines:
            return lines[path[:size]]
    return 1


class _Scanner:
    """Walks over a text once; ``at`` only grows, ``line`` counts what it passed."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.line = text, 0, 1
        self.lines: dict[Path, int] = {}
        self.newest: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_blank() != _END:
            if self._peek("[["):
                self._step(2)
                table = self._next_of_array(self._key())
                self._step(2)
            elif self._peek("["):
                self._step()
                table = self._inside(self._key())
                self._step()
            else:
                self._pair(table)
                continue
            self.lines[table] = self.line
        return self.lines

    def _inside(self, keys: tuple[str, ...]) -> Path:
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.newest:
                path = (*path, self.newest[path])
        return path

    def _next_of_array(self, keys: tuple[str, ...]) -> Path:
        path = (*self._inside(keys[:-1]), keys[-1])
        self.newest[path] = self.newest.get(path, -1) + 1
        self.lines.setdefault(path, self.line)
        return (*path, self.newest[path])

    def _pair(self, table: Path) -> None:
        path = (*table, *self._key())
        for size in range(len(table) + 1, len(path) + 1):
            self.lines.setdefault(path[:size], self.line)
        self._skip_blank()
        self._step()
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        keys: list[str] = []
        while True:
            self._skip_blank()
            start = self.at
            if self.text[self.at] in "\"'":
                self._string()
                raw = self.text[start : self.at]
                keys.append(str(tomllib.loads(f"k = {raw}")["k"]))
            else:
                while self.text[self.at] not in " \t.=]" + _END:
                    self._step()
                keys.append(self.text[start : self.at])
            if self._skip_blank() != ".":
                return tuple(keys)
            self._step()

    def _value(self, path: Path) -> None:
        first = self._skip_blank()
        if first == "[":
            self._many("]", path)
        elif first == "{":
            self._many("}", path)
        elif first in "\"'":
            self._string()
        else:
            while self.text[self.at] not in ",]}\n#" + _END:
                self._step()

    def _many(self, closing: str, path: Path) -> None:
        self._step()
        index = 0
        while (char := self._skip_blank()) not in (closing, _END):
            if char == ",":
                self._step()
            elif closing == "}":
                self._pair(path)
            else:
                self.lines[(*path, index)] = self.line
                self._value((*path, index))
                index += 1
        self._step()

    def _string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self._peek(quote * 3) else quote
        self._step(len(mark))
        while not self._peek(mark) and self.text[self.at] != _END:
            self._step(2 if quote == '"' and self.text[self.at] == "\\" else 1)
        self._step(len(mark))
        # A multi-line string may end in up to two quotes of its own.
        while len(mark) == 3 and self.text[self.at] == quote:
            self._step()

    def _skip_blank(self) -> str:
        while (char := self.text[self.at]) in " \t\n#":
            if char == "#":
                while self.text[self.at] not in "\n" + _END:
                    self._step()
            else:
                self._step()
        return char

    def _peek(self, what: str) -> bool:
        return self.text.startswith(what, self.at)

    def _step(self, count: int = 1) -> None:
        end = min(self.at + count, len(self.text) - 1)
        self.line += self.text.count("\n", self.at, end)
        self.at = end
