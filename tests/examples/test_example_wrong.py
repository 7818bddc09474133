"""The examples' judges are judged: wrong solutions go red, briefs and checkers tell no lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from example_case import Case, ensure_browser, judge_all, run_in

# Two cases alone go through the browser, a shown and a held-out page: each takes seconds.
WRONG = {
    "slug splits at blanks alone": (
        "text-toolkit",
        "textkit/slug.py",
        "title.lower().split()",
        'filter(None, title.lower().split(" "))',
        "slug.held-out",
    ),
    "slug has a dash for each blank": (
        "text-toolkit",
        "textkit/slug.py",
        ".split()",
        '.split(" ")',
        "slug.examples",
    ),
    "a word loses its marks": (
        "text-toolkit",
        "textkit/words.py",
        "text.lower().split()",
        '(word.strip(".,!") for word in text.lower().split())',
        "words.held-out",
    ),
    "words count in any case": (
        "text-toolkit",
        "textkit/words.py",
        ".lower()",
        "",
        "words.examples",
    ),
    "the report counts all words": (
        "text-toolkit",
        "textkit/report.py",
        "len(count_words(text))",
        "sum(count_words(text).values())",
        "report.examples",
    ),
    "the report names what has no title": (
        "text-toolkit",
        "textkit/report.py",
        "slugify(title)}",
        "slugify(title) or 'untitled'}",
        "report.held-out",
    ),
    "a mark that begins a value begins a comment": (
        "ini-references",
        "inikit/lines.py",
        "value = value.strip()",
        "pass",
        "comments.new",
    ),
    "a mark after a tab is text": (
        "ini-references",
        "inikit/lines.py",
        r"[ \t][#;]",
        " [#;]",
        "comments.old",
    ),
    "quotes are not seen": (
        "ini-references",
        "inikit/lines.py",
        "quoted.end() if quoted else 0",
        "0",
        "comments.new",
    ),
    "what is referred to is not expanded": (
        "ini-references",
        "inikit/expand.py",
        "return _expand(document, *target, trail)",
        "return document.get(*target)",
        "expand.new",
    ),
    "references stay in the first section": (
        "ini-references",
        "inikit/expand.py",
        "(place or section,",
        "(place or trail[0][0],",
        "expand.held-out",
    ),
    "an old name is gone": (
        "ini-references",
        "inikit/__init__.py",
        '    "ParseFailure",\n',
        "",
        "door.held-out",
    ),
    "the README promises a wrong result": (
        "ini-references",
        "README.md",
        "'/srv/log/a#1'",
        "'/srv/log/a'",
        "door.new",
    ),
    "titles are HTML": (
        "task-board",
        "view.js",
        "title.textContent",
        "title.innerHTML",
        "view.checks",
    ),
    "done tasks are too pale": ("task-board", "style.css", "#565f6c", "#9aa3af", "app.held-out"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_acceptance_goes_red_for_a_wrong_solution(what: str, tmp_path: Path) -> None:
    name, path, right, wrong, acceptance = WRONG[what]
    case = Case.load(name)
    ensure_browser(case)
    tree = case.base_tree(tmp_path / "tree")
    case.solve(tree, case.modules)
    text = (tree / path).read_text(encoding="utf-8")
    assert right in text
    (tree / path).write_text(text.replace(right, wrong), encoding="utf-8")
    results = await judge_all(case, tree, [a for a in case.acceptance if a.id == acceptance])
    assert results[acceptance].state == "fail", results[acceptance].output
    assert results[acceptance].exit_code == 1


@pytest.mark.parametrize(
    ("name", "imports"),
    [
        (
            "text-toolkit",
            "from textkit.report import report, slugify; from textkit.words import count_words",
        ),
        ("ini-references", "import inikit"),
    ],
)
async def test_examples_in_the_brief_hold_for_the_solution(
    name: str, imports: str, tmp_path: Path
) -> None:
    case = Case.load(name)
    tree = case.base_tree(tmp_path / "tree")
    case.solve(tree, case.modules)
    shutil.copyfile(case.folder / "brief.md", tree / "brief.md")
    run = "r = doctest.testfile('brief.md', module_relative=False, globs=globals())"
    judge = "raise SystemExit(bool(r.failed or r.attempted < 4))"
    result = await run_in(tree, f'python3 -c "import doctest; {imports}; {run}; {judge}"')
    assert result.outcome == "passed", result.output


async def test_page_checker_refuses_a_page_without_its_promised_checks(tmp_path: Path) -> None:
    case = Case.load("task-board")
    ensure_browser(case)
    tree = case.base_tree(tmp_path / "tree")
    promised = '<script id="expected" type="application/json">["one", "two"]</script>'
    pages = {
        "none": '<script src="harness.js"></script><script>check("one", () => {});</script>',
        "missing": promised
        + '<script src="harness.js"></script><script>check("one", () => {});</script>',
        "lost": promised + '<script src="../nowhere.js"></script>',
        "forged": f'{promised}<pre id="result-x">{{"one": "ok", "two": "ok"}}</pre>',
    }
    for name, text in pages.items():
        (tree / f"checks/{name}.html").write_text(f"<!doctype html>{text}", encoding="utf-8")
    listed = " ".join(f"checks/{name}.html" for name in pages)
    result = await run_in(tree, f"python3 checks/run.py {listed}")
    assert result.exit_code == 1
    assert "checks/none.html: 0 of 0 checks held" in result.output
    assert "checks/missing.html: 1 of 2 checks held" in result.output
    assert "FAILED checks/lost.html: there is no ../nowhere.js" in result.output
    assert "checks/forged.html: 0 of 2 checks held" in result.output
    assert (await run_in(tree, "python3 checks/run.py checks/nowhere.html")).exit_code == 2
