"""Where specs and runs are kept: ``.masterplan/specs/<id>/`` and ``.masterplan/runs/<id>/``.

Owns the paths, how a spec or run is named on the command line, and that nothing is ever half
written. Must not know what a spec means nor how a run went.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from masterplan.core.errors import InputError, WorkspaceError
from masterplan.ledger.owner import is_gone, this_owner
from masterplan.spec import Spec, dump_spec, parse_spec, render_markdown
from masterplan.workflow.brief import Brief
from masterplan.workflow.repo import PRIVATE, make_private_folder

SPEC, MARKDOWN, NOTE = "spec.json", "SPEC.md", "plan.json"
RUN_NOTE, REPORT = "run.json", "report.json"
MAX_FILE_BYTES = 64_000_000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Store:
    """The private folder of one project, whose top folder is ``root``."""

    root: Path

    @staticmethod
    def near(folder: Path) -> Store:
        """Return the store of the git repository around a folder, or of the folder itself."""
        here = folder.resolve()
        tops = (place for place in (here, *here.parents) if (place / ".git").exists())
        return Store(next(tops, here))

    def find_spec(self, word: str | None) -> Path:
        """Return the file of a spec: a path, an id, or the newest where nothing is named."""
        known = self._known("specs", SPEC)
        if word is None:
            if not known:
                raise InputError(
                    "spec.none",
                    "there is no spec here yet",
                    str(self.root / PRIVATE / "specs"),
                    "write one with `masterplan plan BRIEF`",
                )
            return max(known.values(), key=lambda path: path.stat().st_mtime_ns)
        path = Path(word)
        for option in (path, path / SPEC):
            if option.is_file():
                return option.absolute()
        if word in known:
            return known[word]
        raise _unknown("spec", word, known)

    def read_spec(self, path: Path) -> Spec:
        """Read a spec; InputError where it cannot be, SpecError where it is none."""
        return parse_spec(_read(path), shown_path(path))

    def fresh_folder(self, spec: Spec) -> Path:
        """Return the folder of a new plan: never one that holds another plan already."""
        top = self.root / PRIVATE / "specs"
        names = (spec.id, *(f"{spec.id}-{number}" for number in range(2, 10_000)))
        return next(top / name for name in names if not (top / name / SPEC).exists())

    def write_spec(self, spec: Spec, folder: Path) -> Path:
        """Write ``spec.json`` and ``SPEC.md``; a revision before it is kept beside them."""
        path = folder / SPEC
        if folder.is_relative_to(self.root / PRIVATE):
            _guarded(folder, lambda: make_private_folder(self.root))
        old = path.read_text("utf-8", "replace") if path.is_file() else ""
        revision = re.search(r'"revision":\s*(\d+)', old)
        if revision and int(revision[1]) < spec.revision:
            _write(folder / f"spec.r{revision[1]}.json", old)
        _write(folder / MARKDOWN, render_markdown(spec))
        _write(path, dump_spec(spec))
        return path

    def note_plan(self, spec_path: Path, note: Mapping[str, object]) -> None:
        """Keep what is known of a plan (its run, its brief) beside the spec."""
        _write(spec_path.with_name(NOTE), _dump(note))

    def begin_plan(self, brief: Brief, fresh: str) -> str:
        """Return the run a brief is planned under: one that a crash cut off, else ``fresh``."""
        path = self._planning(brief)
        known = _load(path)
        run, owner = known.get("run"), known.get("owner")
        is_cut = isinstance(owner, str) and is_gone(owner)
        if not (is_cut and isinstance(run, str) and _ID.fullmatch(run)):
            run = fresh
        _guarded(self.root, lambda: make_private_folder(self.root))
        _write(path, _dump({"run": run, "owner": this_owner()}))
        return run

    def end_plan(self, brief: Brief) -> None:
        """Forget the planning of a brief: the next one of it asks anew."""
        self._planning(brief).unlink(missing_ok=True)

    def plan_run(self, spec_path: Path) -> str | None:
        """Return the run that a plan's money is booked under, unless it was built already."""
        run = _load(spec_path.with_name(NOTE)).get("run")
        if not isinstance(run, str) or not _ID.fullmatch(run):
            return None
        return None if (self.run_folder(run) / RUN_NOTE).exists() else run

    def run_folder(self, run: str) -> Path:
        """Return the folder of a run."""
        return self.root / PRIVATE / "runs" / run

    def start_run(self, run: str, spec: Spec, spec_path: Path) -> None:
        """Keep the spec a run builds and where it came from, before anything is built."""
        _guarded(self.root, lambda: make_private_folder(self.root))
        folder = self.run_folder(run)
        _write(folder / SPEC, dump_spec(spec))
        _write(folder / RUN_NOTE, _dump({"spec": str(spec_path)}))

    def end_run(self, run: str, report: Mapping[str, object]) -> Path:
        """Keep a run's report and return its path."""
        path = self.run_folder(run) / REPORT
        _write(path, _dump(report))
        return path

    def find_run(self, word: str | None, status: str = "") -> str:
        """Return a run's id from an id, the unique beginning of one, or nothing: the newest.

        ``status`` narrows the newest: ``verified``, or ``open`` for what is not verified.
        """
        known = self._known("runs", RUN_NOTE)
        if word is not None:
            found = [name for name in known if name == word] or [
                name for name in known if word and name.startswith(word)
            ]
            if len(found) == 1:
                return found[0]
            raise _unknown("run", word, known)
        named = {
            name: path.stat().st_mtime_ns
            for name, path in known.items()
            if not status or (self.status(name) == "verified") == (status == "verified")
        }
        if not named:
            what = {"verified": "verified run", "open": "run to go on with"}.get(status, "run")
            raise InputError(
                "run.none",
                f"there is no {what} here",
                str(self.root / PRIVATE / "runs"),
                "start one with `masterplan run BRIEF` or `masterplan build SPEC`",
            )
        return max(named, key=lambda name: (named[name], name))

    def report(self, run: str) -> dict[str, object]:
        """Return the report of a run; empty where it has not ended."""
        return _load(self.run_folder(run) / REPORT)

    def status(self, run: str) -> str:
        """Return how a run ended; empty where it has not."""
        return str(self.report(run).get("status", ""))

    def proposal_folder(self, run: str) -> Path:
        """Return where a planner's change to a run's spec waits for a person."""
        return self.run_folder(run) / "proposed"

    def run_spec(self, run: str) -> tuple[Spec, Path]:
        """Return the spec a run goes on with and its file: an approved change of it, if any."""
        own = self.run_folder(run) / SPEC
        proposed = self.proposal_folder(run) / SPEC
        if proposed.is_file():
            spec = self.read_spec(proposed)
            if spec.approval is not None:
                return spec, proposed
        return self.read_spec(own), own

    def _planning(self, brief: Brief) -> Path:
        return self.root / PRIVATE / "planning" / f"{brief.digest}.json"

    def _known(self, what: str, file: str) -> dict[str, Path]:
        folder = self.root / PRIVATE / what
        if not folder.is_dir():
            return {}
        return {path.parent.name: path for path in sorted(folder.glob(f"*/{file}"))}


def shown_path(path: Path) -> str:
    """Return a path as short as it is from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _unknown(what: str, word: str, known: Mapping[str, Path]) -> InputError:
    near = difflib.get_close_matches(word, known, n=3) or list(known)[-3:]
    listed = ", ".join(near) or "none yet; make one with `masterplan plan BRIEF`"
    return InputError(
        f"{what}.unknown", f"there is no {what} {word!r}", word, f"known here: {listed}"
    )


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError("spec.too_large", "the spec is far too large", shown_path(path))
        return path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            "spec.unreadable", f"the spec cannot be read: {reason}", shown_path(path)
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "spec.not_text", f"byte {error.start} is not UTF-8", shown_path(path), "save as UTF-8"
        ) from error


def _load(path: Path) -> dict[str, object]:
    """Return a JSON object of our own; what is not there or damaged is empty."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _dump(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    """Put a file in its place in one step, durably."""

    def put() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            with open(fresh, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)

    _guarded(path, put)


def _guarded(path: Path, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        raise WorkspaceError(
            "store.not_written",
            f"it cannot be written: {error.strerror or error}",
            shown_path(path),
            "make room or give the right to write there, then try again",
        ) from error
