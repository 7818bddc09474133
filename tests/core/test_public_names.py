"""The public names: sorted, few, all there, and importing them costs nothing."""

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import masterplan


def test_public_names_when_listed_then_sorted_and_importable() -> None:
    assert masterplan.__all__ == sorted(masterplan.__all__)
    for name in masterplan.__all__:
        assert getattr(masterplan, name).__name__ == name
    assert set(masterplan.__all__) <= set(dir(masterplan))


def test_public_names_when_typed_then_the_same_as_loaded() -> None:
    tree = ast.parse(Path(masterplan.__file__).read_text())
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        (alias.name, node.module)
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == set(masterplan._HOMES.items())
    assert sorted(masterplan._HOMES) == masterplan.__all__


def test_unknown_name_when_asked_then_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Rooter"):
        _ = masterplan.Rooter


def test_import_when_done_then_loads_no_room_and_prints_nothing() -> None:
    code = "import sys, masterplan; print([m for m in sys.modules if m.startswith('masterplan.')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (told.stdout.strip(), told.stderr) == ("[]", "")


def test_example_when_run_then_says_what_it_shows() -> None:
    result = doctest.testmod(masterplan)
    assert result.attempted > 0
    assert result.failed == 0
