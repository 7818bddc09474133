"""Every Python block of the pages, every program of examples/library and every docstring runs."""

from __future__ import annotations

import doctest
import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from doc_page import DOCS, Page

import masterplan

LIBRARY = DOCS.parent / "examples" / "library"
PAGES = [page.name for page in sorted(DOCS.glob("*.md")) if Page.load(page.name).fences("python")]
PROGRAMS = {
    "ask_with_budget.py": "asked try/coder-7b, coder-7b answered",
    "revise_spec.py": "refused: spec.edited",
    "route_tasks.py": "anthropic/claude-opus-4-6        debugging",
}
MODULES = [
    found.name
    for found in pkgutil.walk_packages(masterplan.__path__, "masterplan.")
    if ".caged" not in found.name and not found.name.endswith("__main__")
]


@pytest.mark.parametrize("name", PAGES)
def test_page_when_its_python_is_run_then_it_does_what_it_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = Page.load(name).fences("python")
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, names, name, name, 0)
            test.globs = names  # a block goes on where the one before it ended
            told: list[str] = []
            runner = doctest.DocTestRunner(verbose=False)
            assert runner.run(test, out=told.append, clear_globs=False).attempted
            assert not told, "".join(told)
        else:
            exec(compile(block, name, "exec"), names)


def test_library_page_is_among_those_that_run() -> None:
    assert "library.md" in PAGES


def test_programs_when_listed_then_each_has_its_expectation() -> None:
    assert {path.name for path in LIBRARY.glob("*.py")} == set(PROGRAMS)


@pytest.mark.parametrize(("name", "expected"), PROGRAMS.items())
def test_program_when_run_then_it_says_what_it_should(
    name: str, expected: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, LIBRARY / name],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_docstrings_when_run_then_every_example_holds() -> None:
    counted = 0
    for name in MODULES:
        result = doctest.testmod(import_module(name))
        assert not result.failed, name
        counted += result.attempted
    assert counted > 30
