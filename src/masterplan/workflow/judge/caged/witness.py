"""Runs pytest or unittest inside the cage and writes down, test by test, what really happened.

It runs in the project's own interpreter, beside code that may want to be believed: never imported
by the package, it takes its key before any project code runs and signs every line with it.
Usage: witness.py MODE ARGS… with MODE ``pytest``, ``pytest-m`` (``python -m``) or ``unittest``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys

# Beside this file, and gone from sight at once: no project module of that name is shadowed.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from watch import Watch, started_by  # type: ignore[import-not-found]

del sys.path[0], sys.modules["watch"]


class Book:
    """Appends signed lines to the evidence; each signature covers the one before it."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, "orders.json")
        with open(path, encoding="utf-8") as file:
            orders = json.load(file)
        os.unlink(path)
        self.frozen = frozenset(orders["frozen"])
        self.root = orders["root"]
        number = os.open(os.path.join(folder, "evidence"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        key, last = bytes.fromhex(orders["key"]), b""
        write, dumps, sign = os.write, json.dumps, hmac.new
        is_project, origin, origin_code = self.is_project, started_by, started_by.__code__

        def record(kind: str, **facts: object) -> None:
            nonlocal last
            forger = "something" if origin.__code__ is not origin_code else origin(is_project)
            if forger and kind != "tampering":
                kind, facts = "tampering", {"what": f"{forger} writes evidence"}
            line = dumps([kind, facts]).encode()
            last = sign(key, last + line, hashlib.sha256).hexdigest().encode()
            write(number, last + b" " + line + b"\n")

        self.record = record

    def is_project(self, filename: str) -> bool:
        """Tell whether a file is the project's, and neither a test nor a conftest."""
        if filename.startswith("<") or not os.path.isabs(filename):
            return filename == "<string>"
        path = os.path.realpath(filename)
        name = os.path.basename(path)
        return (
            path.startswith(self.root + os.sep)
            and path not in self.frozen
            and name != "conftest.py"
            and not name.startswith("test_")
            and not name.endswith("_test.py")
        )


def run_pytest(book: Book, watch: Watch, args: list[str]) -> int:
    """Run pytest with a plugin that sees each test from outside all others."""
    import pytest

    outcomes: dict[str, dict[str, str]] = {}
    raised: set[str] = set()

    class Witness:
        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(self) -> None:
            # Installed plugins have rewired pytest by now, the project's conftest has not.
            watch.begin()

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_call(self, item):  # type: ignore[no-untyped-def]
            outcome = yield
            watch.look_for_yes_men()
            raised.discard(item.nodeid)
            if outcome.excinfo is not None:
                raised.add(item.nodeid)

        @pytest.hookimpl(tryfirst=True)
        def pytest_collectreport(self, report):  # type: ignore[no-untyped-def]
            if report.outcome != "passed":
                book.record("not_collected", id=report.nodeid, outcome=report.outcome)

        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(self, session):  # type: ignore[no-untyped-def]
            items = [[item.nodeid, _place(item), _name(item)] for item in session.items]
            watch.look()
            watch.add_tests(session.items)
            book.record("collected", items=items)

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(self, report):  # type: ignore[no-untyped-def]
            _note(outcomes.setdefault(report.nodeid, {}), report)

        def pytest_runtest_logfinish(self, nodeid: str) -> None:
            seen = outcomes.pop(nodeid, {})
            if nodeid in raised:
                seen["raised"] = "failed"
            watch.look()
            book.record("test", id=nodeid, outcomes=seen)

    watch.add(Witness, is_own=True)
    code = int(pytest.main(["-p", "no:cacheprovider", *args], plugins=[Witness(), watch]))
    watch.end(code)
    return code


def _note(seen, report) -> None:  # type: ignore[no-untyped-def]
    word = "xfail" if hasattr(report, "wasxfail") else report.outcome
    if seen.get(report.when, "passed") in ("passed", "rerun"):
        seen[report.when] = word


def _place(item) -> str:  # type: ignore[no-untyped-def]
    path = str(getattr(item, "path", None) or getattr(item, "fspath", ""))
    return os.path.relpath(path)


def _name(item) -> str:  # type: ignore[no-untyped-def]
    names = [
        node.name for node in item.listchain() if type(node).__name__ in ("Class", "UnitTestCase")
    ]
    return "::".join([*names, getattr(item, "originalname", None) or item.name])


def run_unittest(book: Book, watch: Watch, args: list[str]) -> int:
    """Run unittest with a result that records each test."""
    import unittest

    outcomes: dict[str, dict[str, str]] = {}

    class Result(unittest.TextTestResult):
        def startTest(self, test):  # type: ignore[no-untyped-def]  # noqa: N802
            outcomes[test.id()] = {"call": "missing"}
            super().startTest(test)

        def addSuccess(self, test):  # type: ignore[no-untyped-def]  # noqa: N802
            outcomes[test.id()]["call"] = "passed"
            super().addSuccess(test)

        def stopTest(self, test):  # type: ignore[no-untyped-def]  # noqa: N802
            watch.look()
            watch.look_for_yes_men()
            path = os.path.relpath(sys.modules[type(test).__module__].__file__ or "")
            name = f"{type(test).__name__}::{test._testMethodName}"
            book.record("collected", items=[[test.id(), path, name]])
            book.record("test", id=test.id(), outcomes=outcomes[test.id()])
            super().stopTest(test)

    watch.add(Result, is_own=True)
    runner = unittest.TextTestRunner(resultclass=Result)  # type: ignore[arg-type]
    program = unittest.main(
        module=None, argv=["python -m unittest", *args], testRunner=runner, exit=False
    )
    code = 0 if program.result.wasSuccessful() else 1
    watch.end(code)
    return code


def main() -> int:
    """Run the tests; without orders (a second or nested run) run them without evidence."""
    mode, args = sys.argv[1], sys.argv[2:]
    folder = os.environ.pop("MASTERPLAN_EVIDENCE", "")
    own_path = os.environ.pop("MASTERPLAN_PYTHONPATH", "")
    del sys.path[0]
    # The runner comes in before the project's folders are on the path: nothing can shadow it.
    if mode == "unittest":
        import unittest.mock  # noqa: F401
    else:
        import pytest  # noqa: F401
    if own_path:
        os.environ["PYTHONPATH"] = own_path
        sys.path[:0] = own_path.split(os.pathsep)
    if mode != "pytest":
        sys.path.insert(0, os.getcwd())
    if not folder or not os.path.exists(os.path.join(folder, "orders.json")):
        import runpy

        sys.argv = [mode, *args]
        runpy.run_module(mode.split("-")[0], run_name="__main__", alter_sys=True)
        return 0
    book = Book(folder)
    run = run_unittest if mode == "unittest" else run_pytest
    return int(run(book, Watch(book), args))


if __name__ == "__main__":
    sys.exit(main())
