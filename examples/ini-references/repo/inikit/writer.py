"""A document into text that reads back as the same document."""

from inikit.document import Document

_NEEDS_QUOTES = frozenset('#;"')


def write(document: Document) -> str:
    """Write the document: sections in order, an empty line between them."""
    blocks = []
    for section in document:
        lines = [f"[{section}]"]
        lines += [f"{key} = {_value(document.get(section, key))}" for key in document.keys(section)]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _value(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError(f"the value {value!r} has more than one line")
    if value != value.strip() or _NEEDS_QUOTES & set(value):
        return '"' + value.replace('"', '""') + '"'
    return value
