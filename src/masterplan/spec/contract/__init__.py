"""Contracts as code: stubs, generated tests, and checks of what was built against what was agreed.

Owns the public names of this package. Nothing here runs anything or opens a file.
"""

from masterplan.spec.contract.example import example_problems, example_tests
from masterplan.spec.contract.place import language_of, path_of
from masterplan.spec.contract.python import check_python
from masterplan.spec.contract.stub import stubs
from masterplan.spec.contract.typescript import (
    check_declarations,
    declaration_command,
    declaration_path,
)
from masterplan.spec.contract.verdict import ContractResult, check_contract

__all__ = [
    "ContractResult",
    "check_contract",
    "check_declarations",
    "check_python",
    "declaration_command",
    "declaration_path",
    "example_problems",
    "example_tests",
    "language_of",
    "path_of",
    "stubs",
]
