"""A revision touches one module and its dependents; everything else stays byte for byte."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_case import good_facts, whole, whole_spec

from masterplan.core.errors import SpecError
from masterplan.spec import (
    ChangeRequest,
    Contract,
    Module,
    Spec,
    SpecChange,
    approve,
    check,
    dependents,
    digest,
    parse_spec,
    revise,
    seal,
)


def _request(module: str) -> ChangeRequest:
    return ChangeRequest(module, "contract_cannot_be_met", "AssertionError: '' != 'a'")


def _with(module: Module, **fields: object) -> Module:
    return module.model_copy(update=fields)


def test_revise_then_logs_keeps_and_unapproves() -> None:
    spec = approve(whole_spec(), "ann", "now")
    slug = _with(spec.modules[0], steps=("Do it otherwise.",))
    after = revise(spec, SpecChange(_request("slug"), modules=(slug,)))
    assert (after.revision, after.parent_revision, after.approval) == (2, 1, None)
    assert after.digest == digest(after) != spec.digest
    assert after.modules[1] == spec.modules[1]
    entry = after.change_log[-1]
    assert entry.trigger == "contract_cannot_be_met: slug"
    assert "AssertionError" in entry.cause
    assert (entry.changed, entry.keep, entry.invalidates) == (("slug",), ("count",), ("cli",))
    assert check(after, good_facts()).is_ready


def test_revise_when_contract_changes_then_its_module_counts_as_changed() -> None:
    spec = whole_spec()
    contract = spec.contracts[0].model_copy(update={"signature": "def slugify(text: str) -> str"})
    after = revise(spec, SpecChange(_request("slug"), contracts=(contract,)))
    assert after.change_log[-1].changed == ("slug",)
    assert after.contracts[1] == spec.contracts[1]


def test_revise_when_module_is_split_then_takes_the_new_one() -> None:
    spec = whole_spec()
    new = Module(id="ascii", responsibility="Fold to ASCII.", files={"create": ["kit/fold.py"]})
    slug = _with(spec.modules[0], depends_on=("ascii",))
    after = revise(spec, SpecChange(_request("slug"), modules=(slug, new)))
    assert after.graph.waves[0] == ("count", "ascii")
    assert after.layout.ownership["kit/fold.py"] == "ascii"
    assert after.change_log[-1].changed == ("ascii", "slug")


@pytest.mark.parametrize(
    "change",
    [
        {"modules": [("count", {"steps": ("x",)})]},
        {"modules": [("slug", {"steps": ("x",)}), ("count", {"title": "y"})]},
        {"contracts": [("count-words", {"signature": "def count_words() -> int"})]},
        {"contracts": [("count-words", {"module": "slug"})]},
        {"contracts": [("slugify", {"module": "count"})]},
        {"contracts": [("count-words", {"module": None})]},
        {"removed": ("count",)},
        {"removed": ("count-words",)},
        {"removed": ("ghost",)},
    ],
)
def test_revise_when_out_of_bounds_then_refuses(change: dict) -> None:
    spec = whole_spec()
    modules = tuple(_with(spec.module(name), **f) for name, f in change.get("modules", ()))
    contracts = tuple(
        spec.contract(name).model_copy(update=f) for name, f in change.get("contracts", ())
    )
    with pytest.raises(SpecError) as caught:
        revise(
            spec, SpecChange(_request("slug"), modules, contracts, (), change.get("removed", ()))
        )
    assert caught.value.code == "spec.out_of_bounds"
    assert "cli, slug" in caught.value.mend


def test_revise_when_contract_of_the_base_changes_then_refuses() -> None:
    data = whole()
    data["contracts"].append({"id": "log", "signature": "def log(text: str) -> None"})
    spec = seal(parse_spec(json.dumps(data)))
    change = SpecChange(_request("slug"), contracts=(Contract(id="log", signature="def log()"),))
    with pytest.raises(SpecError, match="out_of_bounds"):
        revise(spec, change)


def test_revise_when_nothing_changes_then_refuses() -> None:
    with pytest.raises(SpecError, match=r"spec\.no_change"):
        revise(whole_spec(), SpecChange(_request("slug")))


def test_revise_when_module_is_unknown_then_refuses() -> None:
    with pytest.raises(SpecError, match=r"spec\.unknown_module"):
        revise(whole_spec(), SpecChange(_request("ghost")))


def test_revise_when_it_makes_a_cycle_then_refuses() -> None:
    slug = _with(whole_spec().modules[0], depends_on=("cli",))
    with pytest.raises(SpecError, match=r"spec\.cycle"):
        revise(whole_spec(), SpecChange(_request("slug"), modules=(slug,)))


@given(
    st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=7),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 6),
)
@settings(max_examples=80, deadline=None)
def test_revise_of_any_graph_then_stays_in_bounds_or_refuses(needs, touched, asked) -> None:
    modules = tuple(
        Module(id=f"m{i}", responsibility="x", depends_on=[f"m{n}" for n in on if n < i])
        for i, on in enumerate(needs)
    )
    spec = seal(Spec(id="s", goal="g", modules=modules))
    asked_id = f"m{asked % len(modules)}"
    new = tuple(_with(modules[i], title="new") for i in touched if i < len(modules))
    allowed = dependents(spec, asked_id) | {asked_id}
    try:
        after = revise(spec, SpecChange(_request(asked_id), new))
    except SpecError:
        assert not new or not {module.id for module in new} <= allowed
        return
    for before, now in zip(spec.modules, after.modules, strict=True):
        assert now.id in allowed or now.model_dump_json() == before.model_dump_json()
    entry = after.change_log[-1]
    assert sorted((*entry.changed, *entry.keep, *entry.invalidates)) == sorted(
        module.id for module in modules
    )


def test_revise_twice_then_the_log_only_grows() -> None:
    first = revise(
        whole_spec(),
        SpecChange(_request("cli"), (_with(whole_spec().modules[2], steps=("a",)),)),
    )
    second = revise(first, SpecChange(_request("cli"), (_with(first.modules[2], steps=("b",)),)))
    assert second.change_log[:1] == first.change_log
    assert [entry.revision for entry in second.change_log] == [2, 3]
