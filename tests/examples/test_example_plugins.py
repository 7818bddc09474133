"""The example plugins: installed beside Masterplan, they come in by their entry points."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from example_case import EXAMPLES


def test_plugins_of_the_example_are_found_by_their_entry_points(tmp_path: Path) -> None:
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target"]
    source = tmp_path / "source"
    shutil.copytree(EXAMPLES / "plugins", source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, *options, str(tmp_path / "site"), str(source)], check=True)
    script = """
from importlib.metadata import entry_points
from masterplan.providers import Registry

registry = Registry.build(environ={"HOUSE_API_KEY": "k"})
assert "house" in registry.providers
assert registry.endpoint("house").dialect == "openai_chat"
assert registry.key("house").reveal() == "k"
(entry,) = entry_points(group="masterplan.builders", name="file-by-file")
assert entry.load()().name == "file-by-file"
"""
    run = [sys.executable, "-c", script]
    subprocess.run(run, check=True, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")})
