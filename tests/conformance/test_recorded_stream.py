"""Every stream of the rows, split at every byte and cut at every byte, in all four dialects."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from carry import DIALECTS, read_stream
from rows_reasoning import thinking
from rows_stream import FIXTURES

from masterplan.core.message import Failed, Finished, StreamEvent
from masterplan.core.model import Dialect
from masterplan.dialects import codec

ALL: dict[str, Callable[[Dialect], bytes]] = {**FIXTURES, "thinking": thinking}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ALL)
def test_stream_when_split_at_any_byte_then_the_events_are_the_same(
    name: str, dialect: Dialect
) -> None:
    raw = ALL[name](dialect)
    wanted = read_stream(dialect, raw)
    assert isinstance(wanted[-1], Finished)
    for at in range(1, len(raw)):
        assert read_stream(dialect, raw[:at], raw[at:]) == wanted, f"byte {at}"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ALL)
def test_stream_when_cut_at_any_byte_then_it_is_never_complete(name: str, dialect: Dialect) -> None:
    raw = ALL[name](dialect)
    wanted = read_stream(dialect, raw)
    last = len(raw) - 1  # before the line end that ends the last event
    for at in range(last):
        reader = codec(dialect).stream_reader()
        events: list[StreamEvent] = [*reader.feed(raw[:at]), *reader.end()]
        assert isinstance(events[-1], Failed), f"byte {at}"
        assert reader.outcome == "cut", f"byte {at}"
        assert events[:-1] == wanted[: len(events) - 1], f"byte {at}"
        assert reader.usage.source != "reported" or b"usage" in raw[:at].lower()
