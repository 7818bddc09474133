"""What is shipped: the same bytes twice, exactly the source, and doors that open."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from masterplan import __version__

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("src", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml")
DATA = (
    "masterplan/py.typed",
    "masterplan/catalog/models.toml",
    "masterplan/spec/spec.schema.json",
    "masterplan/workflow/prompts/builder.md",
    "masterplan/workflow/prompts/planner.md",
    "masterplan/workflow/judge/caged/reporter.mjs",
)


@dataclass(frozen=True)
class Built:
    """Two wheels of two checkouts, the sdist of the first, and a wheel of that sdist."""

    source: Path
    first: Path
    second: Path
    sdist: Path
    rebuilt: Path


def checkout(to: Path, mode: int) -> Path:
    """Copy what is built, as another person's checkout would have it: other times and modes."""
    to.mkdir()
    for name in SHIPPED:
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(here, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(here, to / name)
    for path in (to / "src").rglob("*"):
        if path.is_file():
            path.chmod(mode)
            os.utime(path, (1_000_000_000 + mode, 1_000_000_000 + mode))
    return to


def build(folder: Path, kind: str) -> Path:
    # An epoch of the caller's would hide a time that slips in.
    env = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation"]
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    (made,) = (folder / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("packaging")
    source = checkout(place / "one", 0o644)
    first, sdist = build(source, "wheel"), build(source, "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    return Built(
        source,
        first,
        build(checkout(place / "two", 0o600), "wheel"),
        sdist,
        build(place / sdist.name.removesuffix(".tar.gz"), "wheel"),
    )


def sources(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_wheel_when_built_twice_then_same_bytes(built: Built) -> None:
    assert built.first.read_bytes() == built.second.read_bytes()


def test_wheel_when_built_from_the_sdist_then_same_bytes(built: Built) -> None:
    assert built.rebuilt.read_bytes() == built.first.read_bytes()


def test_wheel_when_listed_then_the_source_and_its_record_only(built: Built) -> None:
    info = f"masterplan-{__version__}.dist-info"
    record = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    with zipfile.ZipFile(built.first) as archive:
        names = set(archive.namelist())
        assert all(
            archive.read(name) == (built.source / "src" / name).read_bytes() for name in DATA
        )
    assert names == sources(built.source / "src") | {f"{info}/{name}" for name in record}
    assert not [name for name in names if name.endswith((".pth", ".so", ".pyc", ".gguf"))]


def test_sdist_when_listed_then_the_source_and_its_papers_only(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    papers = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "PKG-INFO"}
    assert names == {f"src/{name}" for name in sources(built.source / "src")} | papers


def test_wheel_when_unpacked_then_every_entry_point_opens(built: Built, tmp_path: Path) -> None:
    with zipfile.ZipFile(built.first) as archive:
        archive.extractall(tmp_path)
    entries = configparser.ConfigParser(delimiters=("=",))
    entries.read_string(
        (tmp_path / f"masterplan-{__version__}.dist-info/entry_points.txt").read_text()
    )
    doors = {value for section in entries.sections() for value in entries[section].values()}
    assert "masterplan.cli:main" in doors
    program = """
import sys
from importlib import import_module
from operator import attrgetter
import masterplan
assert masterplan.__file__.startswith(sys.argv[1]), masterplan.__file__
for door in sys.argv[2:]:
    module, _, name = door.partition(":")
    assert callable(attrgetter(name)(import_module(module))), door
sys.argv = ["masterplan", "--version"]
masterplan.cli.main()
"""
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), *sorted(doors)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, f"masterplan {__version__}\n"), told.stderr
