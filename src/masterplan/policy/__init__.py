"""The user's rules: ``masterplan.toml`` as frozen values, its mistakes with their lines, its lint.

Owns the file's schema, where it is looked for, which copies are trusted, and the built-in default.
Must not know how a task is profiled or a decision made.
"""

from masterplan.policy.default import Found, Server, render_policy
from masterplan.policy.lint import lint
from masterplan.policy.load import Located, load_policy, locate_policy
from masterplan.policy.parse import parse_policy
from masterplan.policy.schema import ModelEntry, Policy, ProviderEntry, Rule, RuleWhen

__all__ = [
    "Found",
    "Located",
    "ModelEntry",
    "Policy",
    "ProviderEntry",
    "Rule",
    "RuleWhen",
    "Server",
    "lint",
    "load_policy",
    "locate_policy",
    "parse_policy",
    "render_policy",
]
