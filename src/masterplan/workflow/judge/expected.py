"""Which tests a command must run, read from the frozen tests' own text.

Owns the reading of a test command and of test files by syntax alone. Must not import or run them.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Runner = str
"""``"pytest"``, ``"unittest"``, ``"node"``, or ``""`` where no known runner is started."""

_TAKES_VALUE = frozenset(
    {"-k", "-m", "-p", "-c", "-o", "-n", "-W", "-r", "--rootdir", "--maxfail", "--tb", "--color"}
)
_NARROWS = ("-k", "-m", "--deselect", "--ignore", "--lf", "--last-failed", "--ff", "--sw")
_RUNNER = re.compile(
    r"(?:^|[\s;&|(])(?:(?:\S*/)?python[\d.]*\s+(?:-[A-Za-z]+\s+)*-m\s+(pytest|unittest)"
    r"|(?:\S*/)?(pytest|py\.test)|(?:\S*/)?(node)\s+(?:-\S+\s+)*--test)(?=\s|$)"
)


@dataclass(frozen=True)
class Command:
    """A test command: its runner and the words after it, up to the next shell operator."""

    runner: Runner
    words: tuple[str, ...]

    @property
    def is_narrowed(self) -> bool:
        """Whether an option leaves out tests, so that a file's text no longer says what runs."""
        return any(word.startswith(_NARROWS) for word in self.words)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, folders and node ids it names."""
        found, skip = [], False
        for word in self.words:
            if not skip and not word.startswith("-"):
                found.append(word.removeprefix("./").rstrip("/"))
            skip = word in _TAKES_VALUE
        return tuple(found)


def read_command(text: str) -> Command:
    """Return the first test run in a shell command."""
    match = _RUNNER.search(text)
    if match is None:
        return Command("", ())
    runner = "pytest" if match[2] else match[1] or match[3]
    try:
        lexer = shlex.shlex(text[match.end() :], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        words = []
    ends = (i for i, word in enumerate(words) if word and set(word) <= set("();<>|&"))
    return Command(runner, tuple(words[: next(ends, len(words))]))


def expected_tests(command: str, files: Mapping[str, str]) -> frozenset[str]:
    """Return ``path::name`` of each test in ``files`` that the command must run.

    >>> sorted(expected_tests("python -m pytest test_a.py", {"test_a.py": "def test_b(): 0"}))
    ['test_a.py::test_b']
    """
    read = read_command(command)
    if read.runner not in ("pytest", "unittest") or read.is_narrowed:
        return frozenset()
    is_unittest = read.runner == "unittest"
    if is_unittest and (not read.paths or read.paths[0] == "discover"):
        return frozenset()
    paths = _as_paths(read.paths, files) if is_unittest else read.paths
    found: set[str] = set()
    for path, text in files.items():
        if path.endswith(".py"):
            found |= {f"{path}::{name}" for name in names_in(text, is_unittest=is_unittest)}
    return frozenset(test for test in found if _is_named(test, paths))


def _as_paths(names: tuple[str, ...], files: Mapping[str, str]) -> tuple[str, ...]:
    """Turn what unittest is given (dotted names or files) into paths and node ids."""
    found = []
    for name in names:
        dotted = name.replace("/", ".").removesuffix(".py")
        for path in files:
            module = path.removesuffix(".py").replace("/", ".")
            if dotted == module:
                found.append(path)
            elif dotted.startswith(f"{module}."):
                found.append(f"{path}::{dotted[len(module) + 1 :].replace('.', '::')}")
    return tuple(found) or ("\0",)


def names_in(text: str, *, is_unittest: bool) -> Iterator[str]:
    """Yield the names of the tests a file defines at its top and in its test classes."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_test(node):
            if not is_unittest:
                yield node.name
        elif isinstance(node, ast.ClassDef) and _is_test_class(node, is_unittest=is_unittest):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and _is_test(inner):
                    yield f"{node.name}::{inner.name}"


def syntax_problem(files: Mapping[str, str]) -> str:
    """Return what is wrong with the first Python file that cannot be parsed, or nothing."""
    for path, text in sorted(files.items()):
        if path.endswith(".py"):
            try:
                ast.parse(text)
            except (SyntaxError, ValueError) as error:
                return f"{path} is not Python: {error}"
            except (RecursionError, MemoryError):
                return f"{path} is nested too deeply to be read"
    return ""


def _is_test(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    is_fixture = any(
        "fixture" in f"{getattr(inner, 'attr', '')} {getattr(inner, 'id', '')}"
        for item in node.decorator_list
        for inner in ast.walk(item)
    )
    return node.name.startswith("test") and not is_fixture


def _is_test_class(node: ast.ClassDef, *, is_unittest: bool) -> bool:
    bases = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
             for base in node.bases]  # fmt: skip
    names = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    is_off = any(
        isinstance(item, ast.Assign) and getattr(item.targets[0], "id", "") == "__test__"
        for item in node.body
    )
    is_plain = not is_unittest and node.name.startswith("Test") and "__init__" not in names
    return not is_off and (is_plain or any(base.endswith("TestCase") for base in bases))


def _is_named(test: str, paths: tuple[str, ...]) -> bool:
    path = test.split("::", 1)[0]
    for named in paths:
        bare = named.split("[", 1)[0]
        if bare in (path, ".") or test == bare or test.startswith(f"{bare}::"):
            return True
        if "::" not in bare and path.startswith(f"{bare}/"):
            return True
    return not paths
