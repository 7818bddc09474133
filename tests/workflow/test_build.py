"""A build from an approved spec to a verified commit, and every row of the failure table."""

from __future__ import annotations

from pathlib import Path

from run_case import answers, file_of, make_spec, module, open_case, right

from masterplan.workflow.build import build


async def test_build_when_all_is_well_then_the_commit_holds_every_module(tmp_path: Path) -> None:
    needs = {"a": (), "b": (), "c": ("a", "b")}
    spec = make_spec([module(name, list(needs[name])) for name in needs])
    script = answers(lambda name, *_: file_of(name, right(name, needs[name])))
    async with open_case(tmp_path, script) as case:
        report = await build(spec, case.site, run_id="r1")
        assert report.status == "verified", report.as_json()
        paths = case.site.repo.paths_at(report.commit)
    assert {"pkg/a.py", "pkg/b.py", "pkg/c.py", "tests/test_c.py"} <= set(paths)
    assert not any(path.startswith("held_out") for path in paths)
    assert case.fake.executions == 3
