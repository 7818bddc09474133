"""A small INI reader and writer."""

from inikit.document import Document
from inikit.errors import ExpandFailure, IniError, LookupFailure, ParseFailure
from inikit.expand import expand
from inikit.reader import read
from inikit.writer import write

__all__ = [
    "Document",
    "ExpandFailure",
    "IniError",
    "LookupFailure",
    "ParseFailure",
    "expand",
    "read",
    "write",
]
