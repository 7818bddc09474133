"""Planning with a small model: wrong outlines are mended, examples become tests, some held out."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from plan_case import Gate, asked_texts, planning
from small_case import BRIEF, LOUD, SLUG, outline

from masterplan.core.errors import BuildError, Problem
from masterplan.providers.fake import Received, Reply
from masterplan.spec import ChangeRequest, check, dump_spec, parse_spec, revise, slice_of

DETAILS = {"slug": {"rules": [2]}, "loud": {"rules": [3]}}
FRAME = {"for_all": [4], "data_flow": [{"source": "slug", "target": "loud", "data": "a slug"}]}


def scripted(
    *outlines: object, details: Mapping[str, object] = DETAILS, frame: object = FRAME
) -> Callable[[Received], Reply]:
    """Return a small model: its outlines in order (the last repeats), right after that."""
    left = list(outlines) or [outline()]

    def reply(received: Received) -> Reply:
        text = received.text
        if "Plan the work as a list of modules" in text:
            said = left.pop(0) if len(left) > 1 else left[0]
        elif "Which numbered paragraphs" in text:
            said = details["slug" if "module `slug`" in text else "loud"]
        else:
            said = frame
        return Reply(said if isinstance(said, str) else json.dumps(said))

    return reply


async def test_plan_when_the_model_is_small_then_asked_in_steps_and_the_spec_is_whole(
    tmp_path: Path,
) -> None:
    gate = Gate()
    async with planning(tmp_path, scripted(), "small") as case:
        planned = await case.planner.plan(BRIEF, case.repo, gate)
        asked = [one.request for one in case.fake.received]
        rows = case.pipe.ledger.attempts(run="r1")
    spec = planned.spec
    assert len(asked) == 4
    assert all(one.schema is not None and one.temperature == 0.2 for one in asked)
    assert check(spec).problems == ()
    assert parse_spec(dump_spec(spec)) == spec
    assert (spec.goal, spec.why) == ("A kit of text tools.", "Kit: A kit of text tools.")
    assert [c.id for c in spec.contracts] == ["slug.slugify", "loud.shout"]
    assert spec.contracts[1].signature == "def shout(title: str) -> str"
    loud = spec.module("loud")
    assert loud is not None
    assert (loud.consumes, loud.complexity) == (("slug.slugify",), 0.8)
    assert spec.requirements[0].text.endswith("lower case, the words joined by `-`.")
    assert spec.constraints.always == ("Only the standard library is used.",)
    assert (spec.planner.model_requested, spec.planner.model_served) == ("local/small", "small")
    assert spec.planner.tokens == sum(
        row.usage.input_tokens + row.usage.output_tokens for row in rows
    )
    assert (planned.returns, planned.spend.unknown_count, gate.shown) == (0, 0, [spec])


async def test_examples_when_three_then_the_last_is_held_out_of_every_slice(
    tmp_path: Path,
) -> None:
    async with planning(tmp_path, scripted(), "small") as case:
        spec = (await case.planner.plan(BRIEF, case.repo, Gate())).spec
    slug, loud = spec.modules
    (frozen,) = slug.test_files.values()
    (hidden,) = slug.held_out_files.values()
    assert "slugify('A B')" in frozen
    assert "slugify('')" in frozen
    assert "zanzibar" not in frozen
    assert "zanzibar-isle" in hidden
    assert "A B" not in hidden
    assert "pytest.raises(TypeError)" in "".join(loud.test_files.values())
    assert "pytest.raises(EmptyError)" in "".join(loud.held_out_files.values())
    assert list(spec.shared.errors) == ["EmptyError"]
    assert {a.id: a.visibility for a in slug.acceptance} == {
        "slug.examples": "builder",
        "slug.held-out": "held_out",
    }
    for module in spec.modules:
        assert "zanzibar" not in slice_of(spec, module.id).text.lower()
    assert slug.files.test == tuple(slug.test_files)
    assert spec.layout.ownership[slug.files.test[0]] == "slug"
    (smoke,) = spec.integration.smoke
    assert all(path in smoke.run for path in (*slug.test_files, *loud.test_files))


WRONG = [
    (outline(SLUG, LOUD | {"id": "slug"}), "'slug' is used by two modules"),
    (outline(SLUG | {"path": "../kit/slug.py"}, LOUD), "module 'slug': "),
    (outline(SLUG | {"path": "/etc/passwd"}, LOUD), "module 'slug': "),
    (outline(SLUG, LOUD | {"path": "kit/slug.py"}), "both have the path 'kit/slug.py'"),
    (outline(SLUG, LOUD | {"depends_on": ["slugs"]}), "names 'slugs', which is no module"),
    (outline(SLUG, LOUD | {"depends_on": ["loud"]}), "names the module itself"),
    (outline(SLUG | {"depends_on": ["loud"]}, LOUD), "needs none: write depends_on []"),
    (outline(SLUG | {"functions": ["slugify a title"]}, LOUD), "is not a Python signature"),
    (outline(SLUG | {"functions": ["f(): pass; import os"]}, LOUD), "not a Python signature"),
    (outline(SLUG, LOUD | {"functions": ["shout(a)", "Shout(b)"]}), "the function `Shout` twice"),
    (outline(SLUG), "examples for `shout(...)`, but no module offers it"),
    (outline(SLUG | {"kind": "magic"}, LOUD), "Input should be 'codegen'"),
    (outline(SLUG | {"id": "Slug!"}, LOUD), "String should match pattern"),
    ({"id": "kit"}, "Field required"),
    ("no JSON at all", "Invalid JSON"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
async def test_outline_when_wrong_then_the_complaint_goes_back_and_it_is_mended(
    tmp_path: Path, wrong: object, said: str
) -> None:
    async with planning(tmp_path, scripted(wrong, outline()), "small") as case:
        planned = await case.planner.plan(BRIEF, case.repo, Gate())
        texts = asked_texts(case.fake)
    assert [module.id for module in planned.spec.modules] == ["slug", "loud"]
    assert said not in texts[0]
    assert said in texts[1]
    assert len(texts) == 5


async def test_outline_when_wrong_in_many_ways_then_all_are_said_at_once(tmp_path: Path) -> None:
    bad = outline(
        SLUG | {"path": "../a.py", "functions": ["no slug"]}, LOUD | {"depends_on": ["x1"]}
    )
    async with planning(tmp_path, scripted(bad, outline()), "small") as case:
        await case.planner.plan(BRIEF, case.repo, Gate())
        again = asked_texts(case.fake)[1]
    for said in (
        "'no slug' is not a Python signature",
        "names 'x1'",
        "examples for `slugify(...)`",
    ):
        assert said in again


async def test_outline_when_it_never_gets_right_then_no_usable_output_and_no_gate(
    tmp_path: Path,
) -> None:
    gate = Gate()
    async with planning(tmp_path, scripted(outline(SLUG)), "small") as case:
        with pytest.raises(BuildError) as error:
            await case.planner.plan(BRIEF, case.repo, gate)
        assert case.fake.executions == 6
    assert error.value.code == "model.unusable_output"
    assert "local/small gave no usable answer in 6 replies" in error.value.message
    assert gate.shown == []


async def test_gate_when_it_complains_then_back_at_most_twice_with_exactly_that(
    tmp_path: Path,
) -> None:
    bad = Problem("spec.odd", "it is odd", "modules[0]", "make it even")
    gate = Gate([(bad,), (bad,), (bad,), (bad,)])
    async with planning(tmp_path, scripted(), "small") as case:
        planned = await case.planner.plan(BRIEF, case.repo, gate)
        asked = [text for text in asked_texts(case.fake) if "Plan the work" in text]
        events = [event.text for event in case.events]
    assert (planned.returns, planned.verdict.problems) == (2, (bad,))
    assert len(gate.shown) == 3
    assert "it is odd" not in asked[0]
    for text in asked[1:]:
        assert "Mend exactly this:\n- modules[0]: it is odd [spec.odd] → make it even" in text
    assert events.count("the gate returned the spec (1 problems)") == 2


async def test_revise_when_the_model_is_small_then_new_steps_for_that_module_only(
    tmp_path: Path,
) -> None:
    advice = json.dumps({"steps": ["Lower the title first.", "Join the words."]})

    def reply(received: Received) -> Reply:
        is_advice = "could not be built" in received.text
        return Reply(advice) if is_advice else scripted()(received)

    request = ChangeRequest("slug", "ladder_exhausted", "E  assert 'A-B' == 'a-b'")
    async with planning(tmp_path, reply, "small") as case:
        spec = (await case.planner.plan(BRIEF, case.repo, Gate())).spec
        change = await case.planner.revise(spec, request)
        asked = case.fake.received[-1]
        (row,) = [row for row in case.pipe.ledger.attempts() if row.module]
    revised = revise(spec, change)
    module = revised.module("slug")
    assert module is not None
    assert module.steps == ("Lower the title first.", "Join the words.")
    assert (revised.revision, revised.module("loud")) == (2, spec.module("loud"))
    assert asked.model == "small"
    assert "the words joined by `-`" in asked.text
    assert 'slugify("A B") -> "a-b"' in asked.text
    assert "zanzibar" not in asked.text.lower()
    assert "E  assert 'A-B' == 'a-b'" in asked.text
    assert (row.module, row.purpose, row.lane) == ("slug", "change request", "plan")
