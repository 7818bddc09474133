"""The providers that come with the package; each is an entry point like anyone else's.

Addresses only. Must not read the environment or open sockets.
"""

from __future__ import annotations

from masterplan.providers.endpoint import Endpoint


def anthropic() -> Endpoint:
    """Return Anthropic's Messages endpoint."""
    return Endpoint(
        "anthropic", "anthropic", "https://api.anthropic.com", key_env=("ANTHROPIC_API_KEY",)
    )


def google() -> Endpoint:
    """Return Google's Gemini endpoint."""
    return Endpoint(
        "google",
        "gemini",
        "https://generativelanguage.googleapis.com",
        key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    )


def openai() -> Endpoint:
    """Return OpenAI's Chat Completions endpoint."""
    return Endpoint(
        "openai", "openai_chat", "https://api.openai.com/v1", key_env=("OPENAI_API_KEY",)
    )


def openrouter() -> Endpoint:
    """Return OpenRouter's Chat Completions endpoint."""
    return Endpoint(
        "openrouter",
        "openai_chat",
        "https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY",),
        headers={"X-Title": "Masterplan"},
    )


def local() -> Endpoint:
    """Return the usual address of a local server (Ollama's; name another in the policy)."""
    return Endpoint("local", "openai_chat", "http://127.0.0.1:11434/v1", is_local=True)
