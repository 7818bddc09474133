"""TypeScript compared by its compiler's declarations: names, parameters and types of a ``.d.ts``.

Owns the command line that makes the declarations and the reading of what it made; somebody else
runs it. Must not be a TypeScript parser: what it cannot read, it says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from masterplan.core.errors import Problem
from masterplan.spec.schema import Contract

_HEAD = re.compile(
    r"(?:^|[;}\n])\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?"
    r"(?P<async>async\s+)?(?P<word>function|class|interface|type|enum|const|let|var)\s*\*?\s*"
    r"(?P<name>[A-Za-z_$][\w$]*)"
)
_OPEN, _CLOSE = "([{<", ")]}>"


def declaration_command(paths: Sequence[str], out_dir: str, tsc: str = "tsc") -> tuple[str, ...]:
    """Return the command that writes a ``.d.ts`` for each TypeScript or JavaScript file."""
    options = "--declaration --emitDeclarationOnly --skipLibCheck --allowJs --target es2022"
    return (tsc, *options.split(), "--module", "esnext", "--outDir", out_dir, *paths)


def declaration_path(path: str) -> str:
    """Return the path of the declarations of a file.

    >>> declaration_path("src/slug.tsx")
    'src/slug.d.ts'
    """
    return re.sub(r"\.(?:d\.ts|[cm]?[jt]sx?)$", "", path) + ".d.ts"


def check_declarations(declarations: str, contract: Contract) -> list[Problem]:
    """Return how the declarations break the contract: names, sorts, parameters, result, members."""
    where = f"contract {contract.id}"
    agreed = _read(contract.signature)
    if not agreed:
        mend = "Write it like: export function name(text: string): string"
        message = "the signature is not a TypeScript declaration"
        return [Problem("contract.bad_signature", message, where, mend)]
    built = _read(declarations)
    found = []
    for name, declaration in agreed.items():
        if name not in built:
            mend = f"Export the {declaration.word} {name!r} from this file."
            found.append(Problem("contract.missing", f"{name!r} is not exported", where, mend))
            continue
        mend = f"Write exactly: {_squeeze(declaration.text)[:200]}"
        for message in _faults(declaration, built[name]):
            found.append(Problem("contract.parameter", f"{name!r}: {message}", where, mend))
    return found


@dataclass(frozen=True)
class _Declaration:
    """One declared name: ``parameters`` is ``None`` for what is not a function."""

    word: str
    text: str
    parameters: tuple[str, ...] | None
    result: str
    members: frozenset[str]


def _read(text: str) -> dict[str, _Declaration]:
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    found: dict[str, _Declaration] = {}
    matches = list(_HEAD.finditer(text))
    for index, match in enumerate(matches):
        end = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        body = text[match.end() : max(end, match.end())]
        word, name = match["word"], match["name"]
        parameters, result = None, ""
        if word == "function" or (word in {"const", "let", "var"} and "=>" in body):
            parameters, result = _signature(body)
        members = _members(body) if word in {"class", "interface"} else frozenset()
        shown = text[match.start() : end].strip(" ;\n}")
        found.setdefault(name, _Declaration(word, shown, parameters, result, members))
    return found


def _signature(body: str) -> tuple[tuple[str, ...] | None, str]:
    start = body.find("(")
    if start < 0:
        return None, ""
    end = _closing(body, start)
    rest = re.match(r"\s*(?::|=>)\s*(.*)", body[end + 1 :], re.DOTALL)
    result = _squeeze(re.split(r"=>\s*\{|\{\s*$|;", rest[1].strip())[0]) if rest else ""
    return tuple(_split(body[start + 1 : end])), result


def _members(body: str) -> frozenset[str]:
    start = body.find("{")
    if start < 0:
        return frozenset()
    inside = body[start + 1 : _closing(body, start)]
    names = set()
    for piece in re.split(r"[;\n]", inside):
        match = re.match(
            r"\s*(?:(?:public|readonly|static|async|abstract|get|set)\s+)*([A-Za-z_$][\w$]*)\??\s*[(:<]",
            piece,
        )
        if match and not piece.strip().startswith(("private", "protected")):
            names.add(match[1])
    return frozenset(names)


def _faults(agreed: _Declaration, built: _Declaration) -> list[str]:
    found = [
        f"the member {member!r} is missing" for member in sorted(agreed.members - built.members)
    ]
    if agreed.parameters is None:
        return found
    if built.parameters is None:
        return [f"it must be a function, not a {built.word}"]
    for index, parameter in enumerate(agreed.parameters):
        if index >= len(built.parameters):
            found.append(f"the parameter {_squeeze(parameter)!r} is missing")
            continue
        (wanted, is_optional), (given, given_optional) = (
            _typed(parameter),
            _typed(built.parameters[index]),
        )
        if wanted and given and wanted != given:
            found.append(f"parameter {index + 1} must be {wanted}, not {given}")
        if is_optional and not given_optional:
            found.append(f"parameter {index + 1} must be optional")
    for extra in built.parameters[len(agreed.parameters) :]:
        if not _typed(extra)[1]:
            found.append(f"the parameter {_squeeze(extra)!r} is not in the contract")
    if agreed.result and built.result and agreed.result != built.result:
        found.append(f"it must return {agreed.result}, not {built.result}")
    return found


def _typed(parameter: str) -> tuple[str, bool]:
    """Return a parameter's type without spaces and whether a caller may leave it out."""
    depth = 0
    for at, char in enumerate(parameter):
        depth += (char in _OPEN) - (char in _CLOSE)
        if char == ":" and depth == 0:
            name, kind = parameter[:at].strip(), parameter[at + 1 :]
            has_default = bool(re.search(r"=(?!>)", kind))
            kind = re.split(r"=(?!>)", kind)[0]
            kind = re.sub(r"\|undefined$", "", _squeeze(kind))
            return kind, name.endswith("?") or name.startswith("...") or has_default
    return "", "=" in parameter or parameter.strip().startswith("...")


def _split(text: str) -> list[str]:
    pieces, depth, start = [], 0, 0
    for at, char in enumerate(text):
        if char == ">" and text[at - 1 : at] == "=":
            continue
        depth += (char in _OPEN) - (char in _CLOSE)
        if char == "," and depth == 0:
            pieces.append(text[start:at])
            start = at + 1
    return [piece for piece in (*pieces, text[start:]) if piece.strip()]


def _closing(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        if text[at] == ">" and text[at - 1] == "=":
            continue
        depth += (text[at] in _OPEN) - (text[at] in _CLOSE)
        if depth == 0:
            return at
    return len(text)


def _squeeze(text: str) -> str:
    text = " ".join(text.split())
    return (
        re.sub(r"\s*([|&,:;()\[\]{}<>=?])\s*", r"\1", text)
        .rstrip(";{")
        .replace(";}", "}")
        .replace("'", '"')
    )
