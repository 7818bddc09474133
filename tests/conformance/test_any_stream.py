"""Any answer of any provider, told to any client: the same parts in the same order, well formed."""

from __future__ import annotations

import json

import pytest
from carry import PAIRS, Pair, answer, called, said
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_frame import check
from wire_stream import stream

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
pieces = st.lists(words, min_size=1, max_size=3)
fields = st.dictionaries(st.sampled_from(["path", "n", "text"]), words | st.integers(), max_size=2)
part = st.one_of(
    st.tuples(st.just("thought"), pieces),
    st.tuples(st.just("text"), pieces),
    st.tuples(st.just("call"), fields, st.booleans()),
)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@settings(max_examples=25, deadline=None)
@given(parts=st.lists(part, min_size=1, max_size=6), signature=st.none() | st.just("c2ln"))
def test_answer_when_told_to_a_client_then_every_part_arrives_in_its_place(
    pair: Pair, parts: list[tuple[object, ...]], signature: str | None
) -> None:
    made = stream(pair.provider)
    wanted: list[tuple[str, ...]] = []
    for number, one in enumerate(parts):
        if one[0] == "call":
            text = json.dumps(one[1])
            cut = len(text) // 2 if one[2] else len(text)
            made.call(f"call_{number}", "read", text[:cut], text[cut:], signature=signature)
            wanted.append(called("read", **one[1]))  # type: ignore[arg-type]
            continue
        texts = [str(piece) for piece in one[1]]  # type: ignore[attr-defined]
        if one[0] == "thought":
            made.thought(*texts, signature=signature)
        else:
            made.text(*texts)
        wanted.append((str(one[0]), "".join(texts)))
    if all(one[0] == "thought" for one in parts):
        made.text("done")
        wanted.append(("text", "done"))
    got = answer(pair, made.end())
    check(pair.client, got.raw)
    assert said(got.read.parts) == joined(wanted)


def joined(parts: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Join neighbours of a kind, as clients show them."""
    found: list[tuple[str, ...]] = []
    for one in parts:
        if found and one[0] == found[-1][0] != "call":
            found[-1] = (one[0], found[-1][1] + one[1])
        else:
            found.append(one)
    return found
