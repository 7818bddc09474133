"""The provider ``house``: a server in the house that speaks Chat Completions. An address only."""

from masterplan.providers import Endpoint


def house() -> Endpoint:
    """Return the endpoint; the name is that of the entry point."""
    return Endpoint(
        provider="house",
        dialect="openai_chat",
        base_url="https://models.house.example/v1",
        key_env=("HOUSE_API_KEY",),
    )
