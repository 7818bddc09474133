"""Fixtures of the command line's tests."""

from cli_case import home, run  # noqa: F401
