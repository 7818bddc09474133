"""A slice holds what its builder needs, stays short, and never shows what is held out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_case import any_specs, whole, whole_spec

from masterplan.core.errors import SpecError
from masterplan.spec import Spec, slice_of


def test_slice_of_then_has_rules_files_contracts_and_acceptance() -> None:
    part = slice_of(whole_spec(), "slug")
    for text in (
        "Use the standard library only.",
        "Never: Never print.",
        "create `kit/slug.py`",
        "read only, a frozen test: `tests/test_slug.py`",
        'def slugify(text: str, sep: str = "-") -> str',
        "`slugify('A b')` gives 'a-b'",
        "raises ValueError",
        "Slugs are ASCII.",
        "WHEN a title is given",
        "only dots, given ...: raise ValueError",
        "1. Lower the text.",
        "`python -m pytest -q tests/test_slug.py` → exit 0",
        "used by: cli",
    ):
        assert text in part.text
    assert part.files == ("kit/slug.py",)
    assert part.read == ("tests/test_slug.py",)
    assert part.test_files == {"tests/test_slug.py": "from kit.slug import slugify\n"}


def test_slice_of_consumer_then_shows_what_it_uses_and_changes() -> None:
    part = slice_of(whole_spec(), "cli")
    assert "def count_words(text: str) -> int" in part.text
    assert "change `README.md`" in part.text
    assert part.files == ("kit/cli.py", "README.md")
    assert part.read == ("README.md", "kit/slug.py")


def test_slice_of_normal_module_then_stays_under_the_limit() -> None:
    spec = whole_spec()
    assert all(slice_of(spec, module.id).token_estimate < 600 for module in spec.modules)


def test_slice_of_then_leaves_other_modules_out() -> None:
    text = slice_of(whole_spec(), "count").text
    assert "slug" not in text.replace("slugs", "")


def test_slice_of_when_shared_words_are_many_then_keeps_those_it_speaks_of() -> None:
    data = whole()
    data["shared"] = {"glossary": {f"word{n}": "meaning " * 10 for n in range(40)}}
    data["modules"][0]["steps"] = ["Mind word7 here."]
    text = slice_of(Spec.model_validate(data), "slug").text
    assert "`word7`" in text
    assert "`word8`" not in text


def test_slice_of_when_module_is_unknown_then_says_which_there_are() -> None:
    with pytest.raises(SpecError, match="slug, count, cli"):
        slice_of(whole_spec(), "nothing")


def test_slice_of_then_never_shows_held_out() -> None:
    part = slice_of(whole_spec(), "slug")
    assert "hidden" not in repr(part)
    assert "SECRET_PROBE" not in repr(part)


@given(any_specs, st.data())
@settings(max_examples=60, deadline=None)
def test_slice_of_any_spec_then_never_shows_held_out(spec: Spec, data: st.DataObject) -> None:
    marked = spec.model_copy(
        update={
            "modules": tuple(
                module.model_copy(
                    update={
                        "held_out_files": {"q/zebra_test.py": "zebra"},
                        "files": module.files.model_copy(update={"test": ("q/zebra_test.py",)}),
                        "acceptance": tuple(
                            item.model_copy(
                                update={"run": "pytest zebra", "visibility": "held_out"}
                            )
                            for item in module.acceptance
                        ),
                    }
                )
                for module in spec.modules
            )
        }
    )
    for module in marked.modules:
        assert "zebra" not in repr(slice_of(marked, module.id))
