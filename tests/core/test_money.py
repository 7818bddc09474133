"""Money keeps reported, estimated and unknown apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.core.money import Cost, Spend, format_usd, parse_usd


def test_spend_with_an_unknown_cost_says_so() -> None:
    spend = Spend().plus(Cost(5, "reported")).plus(Cost(None, "unknown"))
    assert str(spend) == "$0.000000005 + 1 call of unknown cost"


def test_cost_when_unknown_has_no_amount() -> None:
    with pytest.raises(ValueError, match="unknown"):
        Cost(0, "unknown")


@given(st.integers(0, 10**15))
def test_parse_usd_reads_back_every_nano(nano: int) -> None:
    assert parse_usd(f"{nano // 10**9}.{nano % 10**9:09d}") == nano


@given(st.integers(1, 10**18))
def test_format_usd_never_shows_something_as_zero(nano: int) -> None:
    assert any(c in "123456789" for c in format_usd(nano))
