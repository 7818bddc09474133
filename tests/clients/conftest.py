"""Fixtures of the tests with real clients."""

from client_case import machine, missing_client  # noqa: F401
