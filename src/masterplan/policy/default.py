"""The policy for what a machine has: which models plan, build and debug, and its file's text.

Owns that choice, as a pure function of what was found. Must not look for anything itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

PREFERRED = ("anthropic", "google", "openai", "openrouter")
MODELS = {
    "opus": "anthropic/claude-opus-4-6",
    "sonnet": "anthropic/claude-sonnet-4-6",
    "haiku": "anthropic/claude-haiku-4-5",
    "gemini": "google/gemini-3.1-pro",
    "flash": "google/gemini-3-flash",
    "gpt": "openai/gpt-5.5",
    "gpt-build": "openai/gpt-5.4",
    "gpt-mini": "openai/gpt-5.4-mini",
    "or-opus": "openrouter/anthropic/claude-opus-4.6",
    "or-gemini": "openrouter/google/gemini-3.1-pro-preview",
    "or-minimax": "openrouter/minimax/minimax-m3",
    "small": "embedded/qwen2.5-coder-0.5b",
    "large": "embedded/qwen2.5-coder-1.5b",
}
TOPS = {"anthropic": "opus", "openai": "gpt", "google": "gemini", "openrouter": "or-opus"}
"""The planner of each provider, the best first."""
MIDDLES = {
    "google": "gemini",
    "openai": "gpt-build",
    "anthropic": "sonnet",
    "openrouter": "or-gemini",
}
"""The strong builder of each provider; another family than the cheap one's is preferred."""
CHEAPS = {"anthropic": "haiku", "openai": "gpt-mini", "google": "flash", "openrouter": "or-minimax"}
"""The cheap builder of each provider."""
FRONTENDS = ("gemini", "or-gemini")
"""Who builds front ends first, where it is there."""


@dataclass(frozen=True)
class Server:
    """A local server that answered: its name, its address up to ``/v1``, its models."""

    name: str
    base_url: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What is on the machine: providers with a key, local servers, embedded weights, agents."""

    keys: frozenset[str] = frozenset()
    servers: tuple[Server, ...] = ()
    embedded: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Which names of ``[models]`` plan and build, and why."""

    models: dict[str, str]
    planner: str
    builders: tuple[str, ...]
    frontend: str = ""
    reason: str = ""


def choose(found: Found) -> Choice:
    """Return who plans and builds with what was found."""
    if found.keys & set(PREFERRED):
        return _from_keys(found.keys)
    usable = [server for server in found.servers if server.models]
    if usable:
        return _from_server(usable[0])
    if found.embedded:
        names = {name: MODELS[name] for name in ("large", "small")}
        reason = "no key and no local server: the embedded models"
        return Choice(names, "large", ("small", "large"), reason=reason)
    # Nothing was found: the policy that a key for Anthropic and one for Google would give.
    return _from_keys(frozenset({"anthropic", "google"}))


def render_policy(found: Found) -> str:
    """Return the commented text of the ``masterplan.toml`` that fits what was found."""
    choice = choose(found)
    lines = [
        "# Masterplan's policy: which model does what, and what it may cost.",
        "# In a repository a change does nothing until you run `masterplan trust`.",
        f"# Written by `masterplan init`: {choice.reason or _reason(found)}.",
        "",
        "[models]",
        *(f"{_key(name)} = {_text(model)}" for name, model in choice.models.items()),
        *_servers(found),
        "",
        "[roles.planner]                # architecture and planning",
        f"ladder = [{_text(choice.planner)}]",
        "",
        "[roles.builder]                # starts cheap; a verified failure climbs",
        f"ladder = [{', '.join(_text(name) for name in choice.builders)}]",
        "",
        "[roles.debugger]",
        f"ladder = [{_text(choice.planner)}]",
        *_frontend(choice),
        "",
        "[guards]",
        "# Never route these down to save money.",
        f"floor.architecture = {_text(choice.planner)}",
        f"floor.planning = {_text(choice.planner)}",
        'handoff = "required"           # no model switch without a written handoff',
        "max_premium_share = 0.5        # warn: premium money spent on commodity work",
        "",
        "[budgets]",
        'run = "$5"',
        'day = "$50"',
        "",
        "[build]",
        "parallel = 2                   # modules built at once",
        "",
    ]
    return "\n".join(lines)


def _from_keys(keys: frozenset[str]) -> Choice:
    top_home = next(home for home in TOPS if home in keys)
    cheap_home = next(home for home in CHEAPS if home in keys)
    middle_home = next(
        (home for home in MIDDLES if home in keys and home != cheap_home), cheap_home
    )
    builders = dict.fromkeys((CHEAPS[cheap_home], MIDDLES[middle_home], TOPS[top_home]))
    names = dict.fromkeys((TOPS[top_home], MIDDLES[middle_home], CHEAPS[cheap_home]))
    frontend = next((name for name in FRONTENDS if name in names), "")
    models = {name: MODELS[name] for name in names}
    return Choice(models, TOPS[top_home], tuple(builders), frontend)


def _from_server(server: Server) -> Choice:
    by_size = sorted(server.models, key=lambda model: (_billions(model), model))
    names = {f"local-{index}": model for index, model in enumerate(by_size, 1)}
    if len(names) == 1:
        names = {"local": by_size[0]}
    # Two rungs say enough: the smallest that is there and the largest.
    ends = dict.fromkeys((next(iter(names)), list(names)[-1]))
    models = {name: f"{server.name}/{names[name]}" for name in reversed(ends)}
    reason = f"no key, but {server.name} answers on this machine"
    return Choice(models, list(ends)[-1], tuple(ends), reason=reason)


def _billions(model: str) -> float:
    """Read a size from a model's name (``qwen3:32b``); 0 where it states none.

    >>> _billions("qwen2.5-coder:1.5b"), _billions("mistral")
    (1.5, 0.0)
    """
    sizes = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)b\b", model.lower())
    return max((float(size) for size in sizes), default=0.0)


def _reason(found: Found) -> str:
    if not found.keys & set(PREFERRED):
        return "nothing was found, so it is meant for keys of Anthropic and Google"
    return f"found keys for {', '.join(name for name in PREFERRED if name in found.keys)}"


def _servers(found: Found) -> Iterable[str]:
    for server in found.servers:
        yield ""
        yield f"[providers.{_key(server.name)}]  # on this machine, {len(server.models)} models"
        yield 'dialect = "openai_chat"'
        yield f"base_url = {_text(server.base_url)}"


def _frontend(choice: Choice) -> Iterable[str]:
    if choice.frontend and choice.builders[0] != choice.frontend:
        yield ""
        yield "[[rules]]                      # models are not interchangeable"
        yield 'when = { kind = "frontend" }'
        yield f"use = {_text(choice.frontend)}"


def _text(value: str) -> str:
    return json.dumps(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)
