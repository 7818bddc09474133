"""Fixtures of the command line's tests."""

from books_case import books  # noqa: F401
from cli_case import home, run  # noqa: F401
from workflow_case import project  # noqa: F401
