"""The published table of retries is the one that the code holds to."""

from __future__ import annotations

import re

from doc_page import Page, code_of, rows_of

from masterplan.providers import Limits
from masterplan.providers.breaker import FAILURES_TO_OPEN, FIRST_PAUSE_S, LONGEST_PAUSE_S
from masterplan.providers.retry import BUSY_STATUSES, TRIED_AGAIN

PAGE = Page.load("retries.md")


def test_table_when_read_then_its_rows_are_the_codes() -> None:
    rows = {code_of(row[0])[0]: row for row in rows_of(PAGE.text)}
    assert {name: row[2].startswith("yes") for name, row in rows.items()} == TRIED_AGAIN
    assert set(map(int, re.findall(r"\d{3}", rows["busy"][1]))) == BUSY_STATUSES


def test_figures_when_read_then_they_are_the_codes() -> None:
    limits = Limits()
    for told in (
        f"At most {limits.attempts} attempts a request",
        f"a start of {limits.retry_burst} for quiet times",
        f"more than {limits.stated_wait_s:g} s ends the call",
        f"After {FAILURES_TO_OPEN} failures",
        f"for {FIRST_PAUSE_S:g} s",
        f"up to {LONGEST_PAUSE_S:g} s",
        f"{limits.connect_s:g} s to connect, {limits.first_byte_s:g} s to the first byte, "
        f"{limits.idle_s:g} s of silence",
    ):
        assert " ".join(told.split()) in " ".join(PAGE.text.split()), told
    assert limits.retry_ratio == 0.1
