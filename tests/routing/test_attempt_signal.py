"""What a try's course says: replayed over recorded tries, and sign by sign."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.routing.attempt_signal import (
    LEAST_SAMPLES,
    Beat,
    Course,
    Passing,
    Usual,
    read_course,
    usual_of,
)

RECORDED = json.loads((Path(__file__).parent / "recorded_tries.json").read_text("utf-8"))
USUAL = Usual(100, 3.0, 20)


def beats(told: list[list[object]]) -> tuple[Beat, ...]:
    """Read ``[cost_nano, outcome, said]`` as the books keep them."""
    return tuple(
        Beat(None if cost is None else int(str(cost)), ending == "complete", str(said))
        for cost, ending, said in told
    )


@pytest.mark.parametrize("case", RECORDED["tries"], ids=lambda case: case["name"])
def test_course_when_replayed_call_by_call_then_it_is_stopped_where_it_should_be(
    case: dict[str, object],
) -> None:
    usual = usual_of([beats(work) for work in RECORDED["earlier"][str(case["model"])]])
    made = beats(case["attempts"])  # type: ignore[arg-type]
    stops = [
        number
        for number in range(1, len(made) + 1)
        if read_course(Course(made[:number]), usual, 4.0, 1).action != "go_on"
    ]
    assert (stops[0] if stops else None) == case["stopped_after"]


def test_course_when_stopped_then_the_rungs_above_say_what_for() -> None:
    course = Course((Beat(401),))
    assert read_course(course, USUAL, 4.0, 1).action == "climb"
    assert read_course(course, USUAL, 4.0, 0).action == "give_up"
    assert read_course(course, USUAL, 0, 1).action == "go_on"
    assert "4.0 times the usual of 20 earlier ones" in read_course(course, USUAL, 4.0, 1).reasons[0]


def test_course_when_costs_are_unknown_then_calls_are_counted() -> None:
    known = Course(tuple(Beat(None, said=str(i)) for i in range(12)))
    assert read_course(known, USUAL, 4.0, 1).action == "go_on"
    one_more = Course((*known.beats, Beat(None)))
    assert read_course(one_more, USUAL, 4.0, 1).reasons[0].startswith("13 calls, 4.3 times")


@pytest.mark.parametrize(
    ("tests", "is_stalled"),
    [
        ([(3, 2), (3, 2)], False),
        ([(3, 2), (3, 2), (3, 2)], True),
        ([(3, 2), (4, 1), (3, 2)], False),
        ([(3, 2), (2, 3), (3, 1)], False),
        ([(3, 2), (4, 1), (4, 1), (4, 1)], True),
        ([], False),
    ],
)
def test_course_when_tests_get_no_greener_then_it_climbs(
    tests: list[tuple[int, int]], is_stalled: bool
) -> None:
    course = Course((), tuple(Passing(*state) for state in tests))
    assert (read_course(course, None, 4.0, 1).action == "climb") == is_stalled


def test_usual_when_too_few_then_there_is_none() -> None:
    works = [[Beat(cost)] for cost in range(LEAST_SAMPLES)]
    assert usual_of(works[1:]) is None
    assert usual_of(works) == Usual(4, 1.0, LEAST_SAMPLES)
    assert usual_of([*works[1:], [Beat(None)]]) == Usual(None, 1.0, LEAST_SAMPLES)


@given(
    st.lists(st.builds(Beat, st.none() | st.integers(0, 500), st.booleans(), st.sampled_from("ab")))
)
def test_course_when_one_more_attempt_only_costs_then_a_stop_stays_a_stop(made: list[Beat]) -> None:
    spent = [Beat(beat.cost_nano) for beat in made]
    actions = [
        read_course(Course(tuple(spent[:n])), USUAL, 2.0, 1).action for n in range(len(spent) + 1)
    ]
    assert actions == sorted(actions, key=["go_on", "climb"].index)
