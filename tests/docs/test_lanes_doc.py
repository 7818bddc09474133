"""The page about lanes: its tables are the ones that lanes are found by."""

from __future__ import annotations

from doc_page import Page, rows_of

from masterplan.routing.fingerprint import BUILTIN_AGENTS, FINGERPRINTS
from masterplan.routing.lane import LANE_NAMES

PAGE = Page.load("lanes.md")


def test_lanes_page_names_every_lane() -> None:
    named = [row[0].strip("`").partition(":")[0] for row in rows_of(PAGE.section("# Lanes"))]
    assert named == list(LANE_NAMES)


def test_lanes_page_lists_every_fingerprint_with_its_tell_tales() -> None:
    rows = rows_of(PAGE.section("## Fingerprints"))
    assert [(row[0], row[1], row[2], row[4], row[5]) for row in rows] == [
        (e.client, ", ".join(e.versions), e.what, f"`{e.lane}`", str(e.confidence))
        for e in FINGERPRINTS
    ]
    for row, entry in zip(rows, FINGERPRINTS, strict=True):
        told = (entry.system, entry.opening, entry.has_tool, entry.lacks_tool, entry.turn)
        assert all(text in row[3] for text in (*told, *(entry.tools or ())))
        assert ("no tools" in row[3]) == (entry.tools == ())
        assert entry.mark in row[3]


def test_lanes_page_lists_every_built_in_agent() -> None:
    rows = rows_of(PAGE.section("## Which sub-agent"))
    assert rows == [[client, f"`{name}`", f"`{start}`"] for client, name, start in BUILTIN_AGENTS]
