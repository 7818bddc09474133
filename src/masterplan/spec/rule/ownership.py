"""Rules on files: one owner for each path, nothing protected, frozen tests out of reach.

Owns what may be said of the spec's paths, alone and against the paths of the base. Must not know
contracts or commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from masterplan.core.errors import Problem
from masterplan.spec.facts import Facts
from masterplan.spec.path import check_path, path_key
from masterplan.spec.rule.reference import reachable
from masterplan.spec.schema import Module, Spec


def unprotected(spec: Spec, facts: Facts) -> list[Problem]:
    """No module creates or changes a file that is trusted by git, CI, editors or agents."""
    found = []
    for place, _, path in _written(spec):
        problem = check_path(path, is_written=True)
        if problem is not None:
            found.append(replace(problem, where=place))
    return found


def one_owner(spec: Spec, facts: Facts) -> list[Problem]:
    """Each created or changed path belongs to one module, also where letter case is ignored."""
    found = []
    owners: dict[str, tuple[str, str]] = {}
    for place, module, path in _written(spec):
        owner, first_place = owners.setdefault(path_key(path), (module.id, place))
        if first_place != place:
            who = "twice by this module" if owner == module.id else f"by {owner!r} too"
            message = f"{path!r} is written {who} (at {first_place})"
            mend = f"Keep {path!r} in one place and remove it from the other."
            found.append(Problem("spec.two_owners", message, place, mend))
    for place, _, path in _written(spec):
        key = path_key(path)
        parent = next((up for up in _parents(key) if up in owners), None)
        if parent is not None:
            message = f"{path!r} lies under {parent!r}, which is written as a file"
            found.append(Problem("spec.file_and_directory", message, place, "Rename one of them."))
    return found + _ownership(spec, {key: owner for key, (owner, _) in owners.items()})


def frozen_tests(spec: Spec, facts: Facts) -> list[Problem]:
    """Tests are frozen: no module writes one, and held-out ones are named nowhere else."""
    frozen = {path_key(path) for module in spec.modules for path in _tests(module)}
    hidden = {path_key(path) for module in spec.modules for path in module.held_out_files}
    found = []
    for place, module, path in _written(spec):
        if path_key(path) in frozen:
            message = f"{path!r} is a frozen test, so module {module.id!r} must not write it"
            mend = f"Remove {path!r} here; it stays under files.test."
            found.append(Problem("spec.writes_test", message, place, mend))
    for index, module in enumerate(spec.modules):
        for field, paths in (("files.test", module.files.test), ("read", module.read)):
            for at, path in enumerate(paths):
                if path_key(path) in hidden:
                    message = f"{path!r} is held out, and a builder would see it here"
                    place = f"modules[{index}].{field}[{at}]"
                    mend = "Remove it here, or move its text to test_files."
                    found.append(Problem("spec.shows_held_out", message, place, mend))
        for path in module.test_files:
            if path not in module.files.test:
                message = f"test_files holds {path!r}, which files.test does not name"
                mend = f"Add {path!r} to files.test of module {module.id!r}."
                place = f"modules[{index}].test_files"
                found.append(Problem("spec.unnamed_test", message, place, mend))
    return found


def paths_at_base(spec: Spec, facts: Facts) -> list[Problem]:
    """Created paths are new, changed ones are there, read ones will be there."""
    at_base = facts.base_paths or frozenset()
    keys = {path_key(path) for path in at_base}
    made = {module.id: set(module.files.create) for module in spec.modules}
    texts = {path for module in spec.modules for path in module.test_files}
    before = reachable(spec)
    found = []
    for index, module in enumerate(spec.modules):
        place = f"modules[{index}]"
        for at, path in enumerate(module.files.create):
            if path_key(path) in keys:
                message = f"{path!r} exists at the base already"
                mend = f"Move {path!r} from files.create to files.modify."
                found.append(Problem("spec.exists", message, f"{place}.files.create[{at}]", mend))
        for at, change in enumerate(module.files.modify):
            if change.path not in at_base:
                message = f"{change.path!r} does not exist at the base"
                mend = f"Move {change.path!r} from files.modify to files.create."
                where = f"{place}.files.modify[{at}].path"
                found.append(Problem("spec.missing_file", message, where, mend))
        seen = at_base | texts | made[module.id]
        seen = seen.union(*(made[needed] for needed in before[module.id]))
        for field, paths in (("read", module.read), ("files.test", module.files.test)):
            found += _unreadable(f"{place}.{field}", paths, seen)
    return found


def _unreadable(place: str, paths: tuple[str, ...], seen: frozenset[str]) -> list[Problem]:
    is_test = place.endswith("test")
    mend = (
        "Add the test's text to test_files."
        if is_test
        else "Remove it, or depend on the module that creates it."
    )
    return [
        Problem("spec.missing_file", f"{path!r} does not exist at the base", f"{place}[{at}]", mend)
        for at, path in enumerate(paths)
        if path not in seen
    ]


def _ownership(spec: Spec, owners: dict[str, str]) -> list[Problem]:
    tests = {path_key(path): module.id for module in spec.modules for path in _tests(module)}
    found = []
    for path, claimed in spec.layout.ownership.items():
        owner = owners.get(path_key(path), tests.get(path_key(path)))
        if owner != claimed and not (path_key(path) in tests and path_key(path) not in owners):
            said = f"module {owner!r} writes it" if owner else "no module writes it"
            message = f"layout.ownership gives {path!r} to {claimed!r}, but {said}"
            mend = f"Remove {path!r} from layout.ownership; it is computed."
            found.append(Problem("spec.wrong_owner", message, "layout.ownership", mend))
    return found


def _written(spec: Spec) -> Iterator[tuple[str, Module, str]]:
    for index, module in enumerate(spec.modules):
        for at, path in enumerate(module.files.create):
            yield f"modules[{index}].files.create[{at}]", module, path
        for at, change in enumerate(module.files.modify):
            yield f"modules[{index}].files.modify[{at}].path", module, change.path


def _tests(module: Module) -> tuple[str, ...]:
    return (*module.files.test, *module.test_files, *module.held_out_files)


def _parents(key: str) -> Iterator[str]:
    while "/" in key:
        key = key.rsplit("/", 1)[0]
        yield key
