"""Evidence: signs read from real clients' wordings, and a verdict that climbs but never swings."""

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lane_case import bash, failing, landed, missed, passing, seen_of, turn

from masterplan.core.message import Message, Text, ToolCall, ToolResult
from masterplan.routing.trajectory import (
    BAD_PER_TURN,
    CALM_TO_DESCEND,
    MAX_RELAPSES,
    OPEN_CALLS,
    RECENT_CALLS,
    SETTLE_TURNS,
    STRAIN_TO_CLIMB,
    Action,
    Trajectory,
    observe,
    restarted,
    switched,
    verdict,
)

COUNTS = (
    "tool_errors",
    "repeated_calls",
    "edits_landed",
    "edits_failed",
    "failing_checks",
    "passing_checks",
    "invalid_arguments",
)


def counted(seen: Trajectory) -> dict[str, int]:
    return {name: getattr(seen, name) for name in COUNTS if getattr(seen, name)}


@pytest.mark.parametrize(
    ("messages", "count"),
    [
        (bash("ls", "a.py"), ""),
        (bash("rm x", "Exit code 1\nrm: cannot remove 'x'", is_error=True), "tool_errors"),
        (bash("grep -rn foo .", "Exit code 1", is_error=True), ""),
        (bash("cat log.txt", "Traceback (most recent call last):\n2 failed"), ""),
        (bash("cat pytest.ini", "[pytest]\naddopts = -q"), ""),
        (bash("pytest -q", "4 passed in 0.1s"), "passing_checks"),
        (bash("pytest -q | tail -3", "1 failed, 4 passed in 0.1s"), "failing_checks"),
        (bash("cd a && npm test", "Exit code 1\nTests: 2 failed", is_error=True), "failing_checks"),
        (bash("cargo test", "test result: ok. 4 passed; 0 failed; 0 ignored"), "passing_checks"),
        (bash("go test ./...", "--- FAIL: TestA\nFAIL\tx\t0.1s"), "failing_checks"),
        (bash("ruff check .", "All checks passed!"), "passing_checks"),
        (bash("python -m pytest", "E\n=== 2 errors in 0.12s ==="), "failing_checks"),
        (bash("./check.sh", "Exit code 2\n3 failed", is_error=True), "failing_checks"),
        (bash("./check.sh", "12 passed in 3s"), "passing_checks"),
        (bash("foo", "bash: foo: command not found"), "tool_errors"),
        (bash("x", "The user doesn't want to proceed with this tool use.", is_error=True), ""),
        (
            turn("exec_command", {"cmd": "x"}, "Wall time: 0\nProcess exited with code 2\nOutput:"),
            "tool_errors",
        ),
        (
            turn("exec_command", {"cmd": "x"}, "Wall time: 0\nProcess exited with code 0\nOutput:"),
            "",
        ),
        (
            turn("shell", {"command": ["bash", "-lc", "pytest"]}, "Exit code: 1\nOutput:\nE"),
            "failing_checks",
        ),
        (turn("run_shell_command", {"command": "x"}, "Output: a\nExit Code: 3"), "tool_errors"),
        (turn("bash", {"command": "x"}, "boom\n\nCommand exited with code 1"), "tool_errors"),
        (
            turn("Edit", {}, "<tool_use_error>String to replace not found in file.", is_error=True),
            "edits_failed",
        ),
        (turn("edit", {}, "Error: oldString not found in content"), "edits_failed"),
        (
            turn("replace", {}, "Failed to edit, 0 occurrences found for old_string in a.py."),
            "edits_failed",
        ),
        (
            turn("replace", {}, "Successfully modified file: a.py. Code:\nold_string = 1"),
            "edits_landed",
        ),
        (
            turn("apply_patch", "*** Begin Patch", "apply_patch verification failed: x"),
            "edits_failed",
        ),
        (
            turn("apply_patch", "*** Begin Patch", "Exit code: 0\nOutput:\nSuccess. Updated a.py"),
            "edits_landed",
        ),
        (turn("write", {}, "Successfully wrote 29 bytes to calc.py"), "edits_landed"),
        (
            turn("Write", {}, "File created successfully at: /a (file state is current"),
            "edits_landed",
        ),
        (turn("mcp__fs__write_file", {}, "ok"), "edits_landed"),
        (turn("str_replace_editor", {"command": "view"}, "1 a"), ""),
        (
            turn("Grep", {}, "<tool_use_error>InputValidationError: [..]", is_error=True),
            "invalid_arguments",
        ),
        (
            turn("complete_task", {}, "params/result must be object", is_error=True),
            "invalid_arguments",
        ),
        (turn("Read", {"file": "log"}, "Error: this is what the file says"), ""),
        (turn("Read", {"file": "log"}, "File does not exist.", is_error=True), "tool_errors"),
        (turn("lookup", {}, "Error: no such thing"), "tool_errors"),
    ],
)
def test_sign_when_a_client_words_it_so_then_counted_as_what_it_is(
    messages: list[Message], count: str
) -> None:
    assert counted(observe(Trajectory(), messages)) == ({count: 1} if count else {})


def test_repeat_when_the_same_call_gets_the_same_answer_then_counted_whatever_its_order() -> None:
    first = turn("Grep", {"pattern": "x", "path": "."}, "No files found (took 12 ms)")
    again = turn("Grep", {"path": ".", "pattern": "x"}, "No files found (took 7 ms)")
    assert seen_of(first, again, again[:0]).repeated_calls == 1
    other = turn("Grep", {"path": ".", "pattern": "x"}, "a.py")
    assert seen_of(first, other).repeated_calls == 0


def test_repeat_when_an_edit_landed_between_then_no_repeat() -> None:
    red = bash("make all", "Exit code 2\nmake: *** [x] Error 2", is_error=True)
    again = bash("make all", "Exit code 2\nmake: *** [x] Error 2", is_error=True)
    assert seen_of(red, landed(), again).repeated_calls == 0
    assert seen_of(red, again).repeated_calls == 1
    assert seen_of(passing(), passing()).repeated_calls == 0


def test_repeat_when_a_tool_is_made_for_polling_then_no_repeat() -> None:
    polled = turn("wait_agent", {"targets": ["a"]}, "still running")
    assert (
        seen_of(polled, turn("wait_agent", {"targets": ["a"]}, "still running")).repeated_calls == 0
    )


def test_result_when_its_call_came_with_the_last_request_then_still_joined() -> None:
    asked, answered = missed()
    assert observe(observe(Trajectory(), [asked]), [answered]).edits_failed == 1
    assert observe(Trajectory(), [answered]) == Trajectory()


def test_turn_when_a_dialect_splits_it_into_messages_then_one_turn() -> None:
    calls = [ToolCall(f"c{i}", "Bash", "{}") for i in range(3)]
    said = [Message("assistant", (Text("I'll look."),))]
    said += [Message("assistant", (call,)) for call in calls]
    results = [
        Message("user", (ToolResult(call.id, (Text(f"Exit code {i + 3}"),), True),))
        for i, call in enumerate(calls)
    ]
    seen = observe(Trajectory(), [*said, *results])
    assert (seen.turns, seen.tool_errors, seen.strain) == (1, 3, BAD_PER_TURN)


# --- the verdict ---


def test_climb_when_bad_signs_stay_unanswered_then_one_rung_and_the_reasons_name_them() -> None:
    seen = seen_of(*(failing() for _ in range(STRAIN_TO_CLIMB)))
    told = verdict(seen, rung=0, start=0, rungs=3)
    assert told.action == "climb"
    assert "4 checks failing" in told.reasons[0]
    assert (
        verdict(seen_of(*(failing() for _ in range(3))), rung=0, start=0, rungs=3).action == "stay"
    )
    assert verdict(seen, rung=2, start=0, rungs=3).action == "stay"


def test_climb_when_tests_drive_the_work_then_a_pass_answers_the_failures() -> None:
    seen = Trajectory()
    for _ in range(12):
        seen = seen_of(failing(), landed(), failing(), landed(), passing(), seen=seen)
        assert verdict(seen, rung=0, start=0, rungs=3).action == "stay"


def test_climb_when_edits_land_but_the_check_keeps_failing_then_edits_do_not_answer_it() -> None:
    turns = [step for _ in range(STRAIN_TO_CLIMB) for step in (landed(), failing())]
    assert verdict(seen_of(*turns), rung=0, start=0, rungs=2).action == "climb"


def test_climb_when_one_was_just_made_then_not_again_before_it_settled() -> None:
    seen = switched(seen_of(*(failing() for _ in range(4))), "climb")
    assert (seen.failing_checks, seen.strain, seen.turns) == (0, 0, 0)
    for _ in range(SETTLE_TURNS - 1):
        seen = seen_of(failing(), seen=seen)
        assert verdict(seen, rung=1, start=0, rungs=3).action == "stay"
    seen = seen_of(failing(), seen=seen)
    assert verdict(seen, rung=1, start=0, rungs=3).action == "climb"


def good() -> list[Message]:
    return [*landed(), *passing()]


def test_descend_when_the_work_goes_well_long_enough_then_down_but_not_below_the_start() -> None:
    seen = switched(Trajectory(), "climb")
    seen = seen_of(*(good() for _ in range(CALM_TO_DESCEND // 2)), seen=seen)
    assert verdict(seen, rung=1, start=0, rungs=3).action == "descend"
    assert verdict(seen, rung=1, start=1, rungs=3).action == "stay"
    assert verdict(seen_of(missed(), seen=seen), rung=1, start=0, rungs=3).action == "stay"


def test_descend_when_no_check_ever_passed_then_not_proven() -> None:
    seen = switched(Trajectory(), "climb")
    seen = seen_of(*(landed() for _ in range(30)), seen=seen)
    assert verdict(seen, rung=1, start=0, rungs=3).action == "stay"


def drive(turns: Sequence[list[Message]], start: int, rungs: int) -> list[tuple[int, Action]]:
    """Follow every verdict; return when which switch was made."""
    seen, rung, made = Trajectory(), start, []
    for number, messages in enumerate(turns):
        seen = observe(seen, messages)
        action = verdict(seen, rung=rung, start=start, rungs=rungs).action
        if action != "stay":
            rung += 1 if action == "climb" else -1
            assert start <= rung < rungs
            seen = switched(seen, action)
            made.append((number, action))
    return made


MAKERS = {"f": failing, "m": missed, "p": passing, "l": landed, "g": good}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("fmplg"), st.integers(1, 14)), min_size=1, max_size=40),
    st.integers(0, 2),
    st.integers(3, 5),
)
def test_verdict_when_the_evidence_swings_for_ever_then_the_switches_are_bounded(
    pattern: list[tuple[str, int]], start: int, rungs: int
) -> None:
    turns = [MAKERS[kind]() for kind, times in pattern for _ in range(times)]
    made = drive(turns, start, rungs)
    assert len(made) <= (rungs - 1 - start) * (2 * MAX_RELAPSES + 1)
    gaps = [b[0] - a[0] for a, b in pairwise(made)]
    assert all(gap >= SETTLE_TURNS // 2 for gap in gaps)  # a "good" step here is two turns


def test_verdict_when_good_and_bad_alternate_in_long_runs_then_it_ends_up_and_stays() -> None:
    turns = [MAKERS[kind]() for _ in range(30) for kind in "f" * 8 + "g" * 12]
    made = drive(turns, 0, 2)
    assert [action for _, action in made] == ["climb", "descend"] * MAX_RELAPSES + ["climb"]


def test_restart_when_the_client_compacts_each_time_then_the_switches_are_still_bounded() -> None:
    seen, rung, made = Trajectory(), 0, 0
    for _ in range(40):
        for kind in "f" * 8 + "g" * 12:
            seen = observe(seen, MAKERS[kind]())
            action = verdict(seen, rung=rung, start=0, rungs=2).action
            if action != "stay":
                rung, made = rung + (1 if action == "climb" else -1), made + 1
                seen = switched(seen, action)
        seen = restarted(seen)
        assert (seen.turns, seen.strain, seen.calm) == (0, 0, 0)
    assert made <= 2 * MAX_RELAPSES + 1


def test_observe_when_the_conversation_is_long_then_linear_and_what_is_kept_is_small() -> None:
    def spent(count: int) -> float:
        messages = [m for _ in range(count) for m in bash("x y", "line\n" * 2_000)]
        begun = time.process_time()
        seen = observe(Trajectory(), messages)
        assert len(seen.recent) <= RECENT_CALLS
        assert len(seen.open_calls) <= OPEN_CALLS
        return time.process_time() - begun

    spent(50)
    assert spent(2_000) < 20 * max(spent(400), 0.001)


def test_observe_when_a_result_is_huge_then_only_its_ends_are_read() -> None:
    huge = bash("pytest", "1 failed\n" + "x\n" * 5_000_000 + "9 passed in 1s")
    begun = time.process_time()
    assert counted(observe(Trajectory(), huge)) == {"passing_checks": 1}
    assert time.process_time() - begun < 0.2


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["Bash", "Edit", "Read", "x"]), st.text(), st.text(), st.booleans())
def test_observe_when_anything_is_said_then_it_never_fails(
    name: str, arguments: str, answer: str, is_error: bool
) -> None:
    seen = observe(Trajectory(), turn(name, arguments, answer, is_error=is_error))
    assert seen.turns == 1
