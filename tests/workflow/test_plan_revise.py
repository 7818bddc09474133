"""Change requests to a model that writes whole modules, and planning that is begun again."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from plan_case import Gate, asked_texts, planning
from whole_case import BRIEF, DATA, fenced, read

from masterplan.core.errors import BuildError, ProviderError, SpecError
from masterplan.providers.fake import Reply
from masterplan.spec import ChangeRequest, Spec, revise

REQUEST = ChangeRequest("one", "contract_cannot_be_met", "one(1) cannot be 2")


def answer_of(spec: Spec, name: str, **changes: object) -> Mapping[str, object]:
    """Return a module of a spec as the planner writes it, changed."""
    module = spec.module(name)
    assert module is not None
    return module.model_dump(mode="json") | changes


async def test_revise_when_the_model_is_big_then_whole_replacements_within_bounds(
    tmp_path: Path,
) -> None:
    spec = read()
    change = {"modules": [answer_of(spec, "one", steps=["Add one."])], "contracts": []}
    async with planning(tmp_path, [Reply("{bad"), Reply(fenced(change))]) as case:
        found = await case.planner.revise(spec, REQUEST)
        texts = asked_texts(case.fake)
        rows = case.pipe.ledger.attempts(run="r1", module="one")
    assert found.request == REQUEST
    revised = revise(spec, found)
    assert revised.revision == 2
    assert revised.change_log[0].trigger == "contract_cannot_be_met: one"
    assert "one(1) cannot be 2" in texts[0]
    assert "cannot be read as a change" in texts[1]
    assert len(rows) == 2


async def test_revise_when_out_of_bounds_then_refused(tmp_path: Path) -> None:
    spec = read()
    request = ChangeRequest("two", "ladder_exhausted", "it failed")
    change = {"modules": [answer_of(spec, "one", steps=["Do something else."])]}
    async with planning(tmp_path, [Reply(fenced(change))]) as case:
        found = await case.planner.revise(spec, request)
    with pytest.raises(SpecError) as error:
        revise(spec, found)
    assert error.value.code == "spec.out_of_bounds"


@pytest.mark.parametrize("answer", ["no", "[]", '{"modules": null}', '{"modules": [1]}'])
async def test_revise_when_never_a_change_then_no_usable_output(
    tmp_path: Path, answer: str
) -> None:
    async with planning(tmp_path, [Reply(answer)]) as case:
        with pytest.raises(BuildError) as error:
            await case.planner.revise(read(), REQUEST)
    assert error.value.code == "model.unusable_output"


# --- resume ---


async def test_plan_when_begun_again_after_a_crash_then_no_recorded_answer_is_paid_again(
    tmp_path: Path,
) -> None:
    gone = Reply(status=401)
    async with planning(tmp_path, [Reply("{bad"), gone]) as case:
        with pytest.raises(ProviderError):
            await case.planner.plan(BRIEF, case.repo, Gate())
        paid = len(case.pipe.ledger.attempts())
    assert paid == 2
    async with planning(tmp_path, [Reply(fenced(DATA))]) as case:
        planned = await case.planner.plan(BRIEF, case.repo, Gate())
        rows = case.pipe.ledger.attempts(run="r1")
        assert case.fake.executions == 1
        again = await case.planner.plan(BRIEF, case.repo, Gate())
        assert case.fake.executions == 1
    assert again.spec == planned.spec
    assert planned.spend.reported_nano == sum(row.cost.nano or 0 for row in rows)
    async with planning(tmp_path, [Reply(fenced(DATA))], run="r2") as case:
        await case.planner.plan(BRIEF, case.repo, Gate())
        assert case.fake.executions == 1
