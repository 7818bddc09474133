"""Cards for the models of the user's own servers, which no shipped catalog can know.

Owns what is assumed of such a model: free on this machine, small window unless stated. Must not
know roles, rules or guards.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from masterplan.catalog.card import Catalog
from masterplan.core.model import ModelCard
from masterplan.core.task import Need

if TYPE_CHECKING:
    from masterplan.policy.schema import ModelEntry, Policy, ProviderEntry

OWN_ABILITIES: frozenset[Need] = frozenset({"code", "tools", "structured"})
OWN_CONTEXT_TOKENS = 32_768
OWN_OUTPUT_TOKENS = 8_192


def is_loopback(base_url: str) -> bool:
    """Tell whether an address is on this machine.

    >>> is_loopback("http://127.0.0.1:11434/v1"), is_loopback("https://api.example.com")
    (True, False)
    """
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_own(model_id: str, policy: Policy, base: Catalog) -> bool:
    """Tell whether an id that the catalog does not know is described well enough by the policy."""
    provider = model_id.partition("/")[0]
    described = any(
        entry.id == model_id and entry.context_tokens is not None
        for entry in policy.models.values()
    )
    return provider in policy.providers or (described and provider in base.homes)


def own_cards(policy: Policy, base: Catalog) -> Iterator[ModelCard]:
    """Yield a card for each id that the catalog lacks or that the policy redefines."""
    tables = {entry.id: entry for entry in policy.models.values()}
    for written in sorted({*tables, *_written(policy)}):
        entry = tables.get(written)
        known = base.find(written)
        if known is not None:
            if entry is not None and _is_described(entry):
                yield _described(known, entry)
        elif "/" in written and is_own(written, policy, base):
            yield _own(written, entry, policy, base)


def _written(policy: Policy) -> Iterator[str]:
    texts = [text for role in policy.roles.values() for text in role.ladder]
    texts += [text for rule in policy.rules for text in rule.use]
    texts += list(policy.guards.floor.values())
    texts += [other for entry in policy.models.values() for other in entry.also]
    for text in texts:
        name, at, effort = text.rpartition("@")
        yield name if at and effort in ("none", "low", "medium", "high", "max") else text


def _is_described(entry: ModelEntry) -> bool:
    return entry.model_copy(update={"id": "x", "also": ()}) != type(entry)(id="x")


def _described(card: ModelCard, entry: ModelEntry) -> ModelCard:
    return ModelCard(
        **{
            **vars(card),
            "context_tokens": entry.context_tokens or card.context_tokens,
            "max_output_tokens": entry.max_output_tokens or card.max_output_tokens,
            "tier": entry.tier or card.tier,
            "abilities": entry.abilities or card.abilities,
            "is_free": card.is_free if entry.is_free is None else entry.is_free,
        }
    )


def _own(model_id: str, entry: ModelEntry | None, policy: Policy, base: Catalog) -> ModelCard:
    provider, _, name = model_id.partition("/")
    server = policy.providers.get(provider)
    is_free = _is_free(entry, server)
    priced_by = (server.price_provider if server else "") or (
        provider if provider in base.homes else ""
    )
    context = (entry and entry.context_tokens) or (server and server.context_tokens)
    output = (entry and entry.max_output_tokens) or (server and server.max_output_tokens)
    return ModelCard(
        id=model_id,
        provider=provider,
        wire_name=name,
        family=name.partition(":")[0].rpartition("/")[2],
        tier=(entry and entry.tier) or ("local" if is_free else "standard"),
        context_tokens=context or OWN_CONTEXT_TOKENS,
        max_output_tokens=min(output or OWN_OUTPUT_TOKENS, context or OWN_CONTEXT_TOKENS),
        abilities=(entry and entry.abilities) or OWN_ABILITIES,
        price_provider=None if is_free or not priced_by else priced_by,
        price_name=None if is_free or not priced_by else name,
        is_free=is_free,
    )


def _is_free(entry: ModelEntry | None, server: ProviderEntry | None) -> bool:
    if entry is not None and entry.is_free is not None:
        return entry.is_free
    if server is None:
        return False
    # What runs on this machine costs its owner no money a token; anything else is unknown.
    return is_loopback(server.base_url) if server.is_free is None else server.is_free
