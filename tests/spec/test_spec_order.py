"""The build order follows from depends_on alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.core.errors import SpecError
from masterplan.spec import Module, Spec, dependents, find_cycle, order


def _spec(needs: dict[str, list[str]]) -> Spec:
    modules = [Module(id=name, responsibility="x", depends_on=on) for name, on in needs.items()]
    return Spec(id="s", goal="g", modules=tuple(modules))


def test_order_then_gives_waves_edges_and_longest_chain() -> None:
    graph = order(_spec({"d": ["b", "c"], "b": ["a"], "c": [], "a": []}))
    assert graph.waves == (("c", "a"), ("b",), ("d",))
    assert graph.edges == (("b", "d"), ("c", "d"), ("a", "b"))
    assert graph.critical_path == ("a", "b", "d")


def test_order_when_empty_then_is_empty() -> None:
    assert order(_spec({})).waves == ()


def test_order_when_cyclic_then_names_the_circle() -> None:
    with pytest.raises(SpecError) as caught:
        order(_spec({"a": ["b"], "b": ["c"], "c": ["a"], "d": []}))
    assert caught.value.code == "spec.cycle"
    assert all(f" {name}" in f" {caught.value.message}" for name in "abc")


def test_find_cycle_when_module_needs_itself_then_names_it() -> None:
    assert find_cycle(_spec({"a": ["a"]})) == ("a", "a")


def test_dependents_then_goes_through_others() -> None:
    spec = _spec({"a": [], "b": ["a"], "c": ["b"], "d": []})
    assert dependents(spec, "a") == {"b", "c"}
    assert dependents(spec, "d") == frozenset()


@given(st.lists(st.sets(st.integers(0, 11)), max_size=12))
def test_order_when_acyclic_then_each_module_comes_once_after_its_needs(needs) -> None:
    spec = _spec({f"m{i}": [f"m{n}" for n in on if n < i] for i, on in enumerate(needs)})
    graph = order(spec)
    wave_of = {name: at for at, wave in enumerate(graph.waves) for name in wave}
    assert sorted(wave_of) == sorted(module.id for module in spec.modules)
    assert all(wave_of[first] < wave_of[then] for first, then in graph.edges)
    assert len(graph.critical_path) == len(graph.waves)
