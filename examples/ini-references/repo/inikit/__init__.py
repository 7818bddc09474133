"""A small INI reader and writer."""

from inikit.document import Document
from inikit.errors import IniError, LookupFailure, ParseFailure
from inikit.reader import read
from inikit.writer import write

__all__ = ["Document", "IniError", "LookupFailure", "ParseFailure", "read", "write"]
