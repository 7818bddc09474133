"""From the text of ``masterplan.toml`` to a policy, or to all of its mistakes with their lines.

Owns the wording of every complaint about the file. Must not read files; values that look like a
secret are never repeated in a message.
"""

from __future__ import annotations

from masterplan.catalog.card import Catalog
from masterplan.policy.schema import Policy


def parse_policy(
    text: str | bytes, where: str = "masterplan.toml", catalog: Catalog | None = None
) -> Policy:
    """Return the policy; PolicyError holds every mistake with ``file:line`` and a mend."""
    raise NotImplementedError
