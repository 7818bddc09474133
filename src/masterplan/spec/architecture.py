"""The architecture of a spec: components, how they relate, and what data goes between them.

Owns these fields only; a builder sees in them where it stands, a reader sees them as a diagram.
Must not know modules.
"""

from __future__ import annotations

from pydantic import Field

from masterplan.spec.module import Part
from masterplan.spec.text import DottedId, Line


class Component(Part):
    """A part of the system as a person thinks of it."""

    id: DottedId
    title: Line = ""
    responsibility: Line = ""


class Relationship(Part):
    """One component uses another; both by id."""

    source: DottedId
    target: DottedId
    label: Line = ""


class DataFlow(Part):
    """Data that goes from one component to another; both by id."""

    source: DottedId
    target: DottedId
    data: Line = ""


class Architecture(Part):
    """What there is and how data goes through it."""

    components: tuple[Component, ...] = Field((), max_length=200)
    relationships: tuple[Relationship, ...] = Field((), max_length=500)
    data_flow: tuple[DataFlow, ...] = Field((), max_length=500)
