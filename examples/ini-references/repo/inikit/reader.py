"""Text into a document."""

from inikit.document import Document
from inikit.errors import ParseFailure
from inikit.lines import LineError, Section, parse_line


def read(text: str) -> Document:
    """Read an INI text; ParseFailure names the first line that is wrong."""
    document = Document()
    section: str | None = None
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        try:
            found = parse_line(line)
        except LineError as error:
            raise ParseFailure(number, str(error)) from None
        if isinstance(found, Section):
            section = found.name
            document.add_section(section)
        elif found is not None:
            if section is None:
                raise ParseFailure(number, "an entry stands before the first section")
            document.set(section, found.key, found.value)
    return document
