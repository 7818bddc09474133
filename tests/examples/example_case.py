"""What the tests of the examples share: an example's folder, its trees, and caged commands."""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from masterplan.core.errors import CageError
from masterplan.sandbox import Cage, CageJob, CageResult, Limits, find_cage
from masterplan.spec import Acceptance, Module, Spec, parse_spec
from masterplan.workflow.judge import CheckResult, Judge

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("text-toolkit", "ini-references", "task-board")
BROWSERS = ("/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Case:
    """One example: its folder and its spec."""

    folder: Path
    spec: Spec

    @staticmethod
    def load(name: str) -> Case:
        """Read an example's spec."""
        folder = EXAMPLES / name
        return Case(folder, parse_spec((folder / "spec.json").read_text(encoding="utf-8")))

    @property
    def modules(self) -> tuple[Module, ...]:
        """The modules in the order they are built."""
        found = (self.spec.module(name) for wave in self.spec.graph.waves for name in wave)
        return tuple(module for module in found if module is not None)

    @property
    def acceptance(self) -> tuple[Acceptance, ...]:
        """Every acceptance of the spec."""
        return tuple(item for module in self.modules for item in module.acceptance)

    def base_tree(self, place: Path) -> Path:
        """Lay out the base with every test, frozen and held out, and nothing that is built."""
        if (self.folder / "repo").is_dir():
            shutil.copytree(self.folder / "repo", place, ignore=shutil.ignore_patterns("__pyc*"))
        for module in self.modules:
            for path, text in (*module.test_files.items(), *module.held_out_files.items()):
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(text, encoding="utf-8")
        return place

    def solve(self, place: Path, modules: Iterable[Module]) -> None:
        """Write the solution's files of these modules."""
        for module in modules:
            for path in module.files.writable:
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.folder / "solution" / path, place / path)


def ensure_browser(case: Case) -> None:
    """Skip the test of a front end where no browser runs; under Landlock none does."""
    is_page = any(module.kind == "frontend" for module in case.modules)
    if is_page and (not any(map(shutil.which, BROWSERS)) or cage().name == "landlock"):
        pytest.skip("needs Chromium in bubblewrap: sudo apt-get install chromium bubblewrap")


@functools.cache
def cage() -> Cage:
    """Return the cage of this machine, or none where it has none."""
    try:
        return find_cage()
    except CageError:
        return find_cage(allow_unsafe=True)


async def run_in(tree: Path, command: str, timeout: int = 60) -> CageResult:
    """Run a command over a tree that it may read only, within the default limits."""
    job = CageJob(tree, limits=Limits(wall_s=timeout))
    return await cage().run(command, job=job)


async def judge_all(case: Case, tree: Path, items: Iterable[Acceptance]) -> dict[str, CheckResult]:
    """Judge acceptance, two at a time, and return the results by id."""
    places = asyncio.Semaphore(2)
    judge = Judge(cage())

    async def one(item: Acceptance) -> tuple[str, CheckResult]:
        module = next(m for m in case.modules if item in m.acceptance)
        async with places:
            tests = module.test_files | module.held_out_files
            return item.id, await judge.run(item, tree, tests)

    return dict(await asyncio.gather(*(one(item) for item in items)))
