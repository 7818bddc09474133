"""Foreign text can be shown: what would act on a terminal or mislead an eye becomes visible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.sandbox import neutralise

CASES = {
    "\x1b[31mred\x1b[0m": "\\x1b[31mred\\x1b[0m",
    "\x1b]8;;http://evil\x07link": "\\x1b]8;;http://evil\\x07link",
    "\x9b2J": "\\x9b2J",
    "a\rb": "a\\x0db",
    "a\r\nb": "a\nb",
    "a\tb\n": "a\tb\n",
    "\u202eevil": "\\u202eevil",
    "a\u200bb": "a\\u200bb",
    "\U000e0041": "\\U000e0041",
    "Grüße, 世界 🙂": "Grüße, 世界 🙂",
}


@pytest.mark.parametrize(("text", "shown"), CASES.items())
def test_neutralise_when_text_could_act_then_shows_it(text: str, shown: str) -> None:
    assert neutralise(text) == shown


@given(st.text())
def test_neutralise_when_done_then_nothing_controls_and_doing_it_again_changes_nothing(
    text: str,
) -> None:
    shown = neutralise(text)
    assert neutralise(shown) == shown
    controls = {c for c in shown if unicodedata.category(c) in ("Cc", "Zl", "Zp")}
    assert controls <= {"\n", "\t"}
    assert not {c for c in shown if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE")}
