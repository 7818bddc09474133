"""What the router knows of a task: what is stated first, then rules over its text.

Owns the rules and their reasons. Must not know models, prices or the policy.
"""

from __future__ import annotations

from masterplan.core.task import Profile, Task


def profile(task: Task) -> Profile:
    """Return kind, complexity, needs and size of a task, each with its source and confidence."""
    raise NotImplementedError
