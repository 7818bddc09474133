"""SPEC.md: the spec for people, with its architecture, data flow and build order as diagrams.

Owns the wording and the escaping of model-written text. Must not know where the text is shown.
"""

from __future__ import annotations

from masterplan.spec.schema import Spec


def render_markdown(spec: Spec) -> str:
    """Write the whole spec as Markdown with Mermaid diagrams."""
    raise NotImplementedError
