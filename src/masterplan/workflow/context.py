"""What the parts of one build share: the site, the spec in force, the journal, the trees.

Owns the run's state in memory and how it is told to the listener. Must not decide anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from masterplan.core.money import Spend
from masterplan.ledger import total
from masterplan.sandbox import neutralise
from masterplan.spec import Module, Spec
from masterplan.workflow.journal import Journal
from masterplan.workflow.judge import Judge
from masterplan.workflow.progress import Event, Phase
from masterplan.workflow.report import ModuleResult
from masterplan.workflow.site import Site
from masterplan.workflow.workspace.trees import Trees


@dataclass
class Context:
    """One build. ``spec`` changes when a bounded revision is approved; ``results`` grow."""

    site: Site
    spec: Spec
    run: str
    journal: Journal
    trees: Trees
    judge: Judge
    results: dict[str, ModuleResult] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def module(self, module_id: str) -> Module:
        """Return a module that is known to exist."""
        module = self.spec.module(module_id)
        assert module is not None
        return module

    async def spend(self, module: str | None = None) -> Spend:
        """Return what the run, or one module of it, has cost so far; open calls come later."""
        rows = await asyncio.to_thread(self.site.ledger.attempts, run=self.run, module=module)
        return total([row for row in rows if not row.is_open])

    async def tell(
        self, phase: Phase, text: str, module: str = "", rung: tuple[str, str] = ("", "")
    ) -> None:
        """Send an event with the money so far; foreign text in it is made harmless."""
        spend = await self.spend()
        self.site.listener(Event(phase, neutralise(text), module, rung[0], rung[1], spend))

    async def frozen(self, module: Module) -> dict[str, str]:
        """Return the frozen tests of a module that a builder may see, by path."""
        return await frozen_tests(self.trees, module)

    def beneath(self, module: Module) -> dict[str, str | None]:
        """Return what the modules that this one depends on have built, tests included."""
        files: dict[str, str | None] = {}
        todo, seen = list(module.depends_on), set[str]()
        while todo:
            needed = self.spec.module(todo.pop())
            if needed is None or needed.id in seen:
                continue
            seen.add(needed.id)
            todo += needed.depends_on
            files |= delivered(needed, self.results[needed.id].files)
        return dict(sorted(files.items()))


async def frozen_tests(trees: Trees, module: Module) -> dict[str, str]:
    """Return a module's visible frozen tests: those of the spec, and those at the base."""
    texts = {p: t for p, t in module.test_files.items() if p not in module.held_out_files}
    for path in module.files.test:
        if path not in texts and path not in module.held_out_files:
            text = await trees.base_text(path)
            if text is not None:
                texts[path] = text
    return texts


def delivered(module: Module, files: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return what a module adds to the result: its files and its visible frozen tests."""
    tests = {p: t for p, t in module.test_files.items() if p not in module.held_out_files}
    return {**tests, **files}


def granted(spec: Spec) -> frozenset[str]:
    """Return the paths of all frozen tests: the engine writes them, whatever their names."""
    paths = (
        (*module.test_files, *module.held_out_files, *module.files.test) for module in spec.modules
    )
    return frozenset(path for group in paths for path in group)
