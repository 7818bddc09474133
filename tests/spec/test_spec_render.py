"""SPEC.md shows the plan with diagrams, and model-written text cannot act in it."""

import re

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from spec_case import any_specs, changed, whole_spec

from masterplan.spec import Spec, approve, render_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "http://evil.example/a",
    "www.evil.example",
    "<http://evil.example>",
    "`code` **bold** # head",
    "a | b | c",
    "\u202egnp.exe",
    "a\u200bb",
    '"] --> x["',
    "```\nfence\n```",
    "# Head",
    "1. list",
    "- item",
    "$x$",
    "&lt;b&gt;",
    "\\<b>",
    "end\\",
]
PLACES = [
    "goal",
    "why",
    "non_goals.0",
    "requirements.0.text",
    "decisions.0.choice",
    "architecture.components.0.title",
    "architecture.relationships.0.label",
    "modules.0.responsibility",
    "modules.0.title",
    "modules.0.steps.0",
    "modules.0.edge_cases.0.input",
    "modules.0.acceptance.0.run",
    "contracts.0.signature",
    "contracts.0.examples.0.call",
]


def _types(text: str) -> set[str]:
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    return {t.type for t in tokens} | {c.type for t in tokens for c in t.children or ()}


def test_render_markdown_then_draws_architecture_data_flow_and_order() -> None:
    text = render_markdown(approve(whole_spec(), "ann", "2026-01-01"))
    diagrams = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert len(diagrams) == 3
    assert 'c0["Slug maker"]' in diagrams[0]
    assert 'c2 -->|"calls"| c0' in diagrams[0]
    assert 'c2 -->|"a title"| c0' in diagrams[1]
    assert "m0 --> m2" in diagrams[2]
    assert "approved by ann at 2026\\-01" in text or "approved by ann at 2026-01" in text
    assert "1. `slug`, `count`" in text
    assert whole_spec().digest in text


def _shape(text: str) -> list[str]:
    """Return the blocks in order, and of the inline parts those that text alone does not have."""
    found = []
    for token in MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text):
        found.append(token.type)
        inline = [child.type for child in token.children or ()]
        found += [kind for kind in inline if kind not in {"text", "text_special"}]
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_render_markdown_when_text_is_hostile_then_it_stays_text(hostile: str, place: str) -> None:
    if place.endswith("run"):
        hostile = hostile.replace("\n", " ")
    usual = render_markdown(Spec.model_validate(changed(place, "usual words")))
    text = render_markdown(Spec.model_validate(changed(place, hostile)))
    assert _shape(text) == _shape(usual)
    line = re.compile(
        r'  (c|m)\d+(\["[^"\n<>`]*"\]| -->(\|"[^"\n<>`|]*"\|)? (c|m)\d+)|flowchart LR|'
    )
    for diagram in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL):
        assert all(line.fullmatch(part) for part in diagram.split("\n")), diagram


@given(any_specs)
@settings(max_examples=60, deadline=None)
def test_render_markdown_when_spec_is_valid_then_shows_nothing_invisible(spec: Spec) -> None:
    text = render_markdown(spec)
    assert all(c == "\n" or c == "\t" or c.isprintable() or c.isspace() for c in text)
    assert "\u202e" not in text
    assert "html_block" not in _types(text)
    assert "html_inline" not in _types(text)


def test_render_markdown_when_a_name_holds_bar_and_backtick_then_no_markup_gets_out() -> None:
    spec = whole_spec()
    shared = spec.shared.model_copy(update={"glossary": {"<b>|`{": ""}})
    text = render_markdown(spec.model_copy(update={"shared": shared}))
    assert "html_inline" not in _types(text)
