"""Figures and pages are whole, can be read aloud, and let nothing act or load."""

from __future__ import annotations

import base64
import hashlib
import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from masterplan.report.chart import Dot, Words, rows, scatter
from masterplan.report.page import STYLE, Fact, Section, page
from masterplan.report.table import html_table

WORDS = Words("Cost & quality", "What <it> shows.", "cost", "success")
EVIL = "<script>alert('x')</script>\" onload=\"x"
NUMBER = st.floats(0, 1e6, allow_nan=False)


def test_scatter_when_drawn_then_it_is_svg_with_title_description_and_points() -> None:
    dots = [Dot("a", 0.1, 0.5, "policy", 0.4, 0.6), Dot("b", 1.0, 0.9), Dot("free", 0.0, 0.2)]
    svg = ElementTree.fromstring(scatter(WORDS, dots, [(0.1, 0.5), (1.0, 0.9)]))
    space = "{http://www.w3.org/2000/svg}"
    assert [svg.findtext(f"{space}title"), svg.findtext(f"{space}desc")] == [
        WORDS.title,
        WORDS.description,
    ]
    assert svg.get("role") == "img"
    circles = {c.findtext(f"{space}title"): c for c in svg.iter(f"{space}circle")}
    assert len(circles) == 3
    told = "a: 50 % at $0.1, 95 % 40 % to 60 %"
    # What is cheaper is further left, what is better is higher.
    first = next(c for title, c in circles.items() if title and title.startswith("a: 50 %"))
    second = next(c for title, c in circles.items() if title and title.startswith("b:"))
    assert told.split(",")[0] in (first.findtext(f"{space}title") or "")
    assert float(first.get("cx", 0)) < float(second.get("cx", 0))
    assert float(first.get("cy", 0)) > float(second.get("cy", 0))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), NUMBER, NUMBER), min_size=1, max_size=12))
def test_figures_when_points_are_anything_then_the_markup_is_whole(
    points: list[tuple[str, float, float]],
) -> None:
    printable = [("".join(c for c in name if c.isprintable()), x, y) for name, x, y in points]
    dots = [Dot(name, x, y, "model", y, y + x) for name, x, y in printable]
    for svg in (scatter(WORDS, dots), rows(WORDS, dots, 0.0)):
        ElementTree.fromstring(svg)
        assert "nan" not in svg


def test_page_when_names_are_evil_then_they_are_text() -> None:
    dots = [Dot(EVIL, 1.0, 0.5, "model", 0.4, 0.6)]
    figure = scatter(Words(EVIL, EVIL, EVIL, EVIL), dots) + rows(WORDS, dots)
    table = html_table([EVIL], [[EVIL]], EVIL)
    text = page(EVIL, EVIL, [Fact(EVIL, EVIL)], [Section(EVIL, (EVIL,), (figure, table))], EVIL)
    assert "<script" not in text
    assert 'onload="' not in text


def test_page_when_read_then_it_loads_nothing_and_allows_only_its_own_style() -> None:
    text = page("t", "lead", [], [Section("h", ("told",))])
    assert not re.search(r"(src|href)=|url\(|@import|style=", text)
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text
    assert f"<style>{STYLE}</style>" in text
    assert "prefers-color-scheme:dark" in text
