"""Fixtures of the tests of the agents."""

from agent_case import place  # noqa: F401
