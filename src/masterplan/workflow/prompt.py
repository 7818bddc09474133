"""Prompts are text files in ``prompts/``; this renders one with exactly the values it names.

A value that a template names and nobody gives is an error, never an empty place.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import jinja2


@cache
def _environment() -> jinja2.Environment:
    folder = resources.files("masterplan.workflow").joinpath("prompts")
    loader = jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8"))
    # The output is text for a model, never HTML, so nothing is escaped.
    return jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True
    )


def prompt(template: str, /, **values: object) -> str:
    """Render ``prompts/<template>.md``."""
    return _environment().get_template(f"{template}.md").render(**values).strip()
