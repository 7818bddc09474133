"""TypeScript compared by its compiler's declarations: names, parameters and types of a ``.d.ts``.

Owns the command line that makes the declarations and the reading of what it made; somebody else
runs it. Must not be a TypeScript parser: what it cannot read, it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from masterplan.core.errors import Problem
from masterplan.spec.schema import Contract

_HEAD = re.compile(
    r"(?:^|[;}\n])\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?"
    r"(?P<async>async\s+)?(?P<word>function|class|interface|type|enum|const|let|var)\b\s*\*?\s*"
    r"(?P<name>[A-Za-z_$][\w$]*)"
)
_MEMBER = re.compile(
    r"\s*(?P<modifiers>(?:(?:public|private|protected|readonly|static|async|abstract|get|set)\s+)*)"
    r"(?P<name>[A-Za-z_$][\w$]*)\s*(?=[(:<?])"
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
    for name, overloads in agreed.items():
        for declaration in overloads:
            if name not in built:
                mend = f"Export the {declaration.word} {name!r} from this file."
                message = f"{name!r} is not exported"
                found.append(Problem("contract.missing", message, where, mend))
                continue
            mend = f"Write exactly: {_squeeze(declaration.text)[:200]}"
            # One overload that fits is enough; else the nearest says what is wrong.
            faults = min((_faults(declaration, other) for other in built[name]), key=len)
            found += [
                Problem("contract.parameter", f"{name!r}: {message}", where, mend)
                for message in faults
            ]
    return found


@dataclass(frozen=True)
class _Declaration:
    """One declared name or member: ``parameters`` is ``None`` for what is not a function."""

    word: str
    text: str
    parameters: tuple[str, ...] | None
    result: str
    members: Mapping[str, _Declaration]


def _read(text: str) -> dict[str, list[_Declaration]]:
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    found: dict[str, list[_Declaration]] = {}
    matches = list(_HEAD.finditer(text))
    for index, match in enumerate(matches):
        end = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        body = text[match.end() : max(end, match.end())]
        shown = text[match.start() : end].strip(" ;\n}")
        found.setdefault(match["name"], []).append(_declaration(match["word"], shown, body))
    return found


def _declaration(word: str, shown: str, body: str) -> _Declaration:
    parameters, result = None, ""
    if word == "function" or (word in {"const", "let", "var"} and "=>" in body):
        parameters, result = _signature(body)
    elif word == "type" and "=" in body:
        result = _squeeze(body.split("=", 1)[1].strip())
    members = _members(body) if word in {"class", "interface"} else {}
    return _Declaration(word, shown, parameters, result, members)


def _signature(body: str) -> tuple[tuple[str, ...] | None, str]:
    start = body.find("(")
    if start < 0:
        return None, ""
    end = _closing(body, start)
    rest = re.match(r"\s*(?::|=>)\s*(.*)", body[end + 1 :], re.DOTALL)
    result = _squeeze(re.split(r"=>\s*\{|\{\s*$|;", rest[1].strip())[0]) if rest else ""
    return tuple(_split(body[start + 1 : end])), result


def _members(body: str) -> dict[str, _Declaration]:
    start = body.find("{")
    if start < 0:
        return {}
    found = {}
    for piece in _split(body[start + 1 : _closing(body, start)], ";\n"):
        match = _MEMBER.match(piece)
        if match is None or match["modifiers"].strip().startswith(("private", "protected")):
            continue
        rest = piece[match.end() :]
        if rest.lstrip().startswith(("(", "<")) and "get " not in match["modifiers"]:
            parameters, result = _signature(rest)
        else:
            parameters, result = None, _typed("_" + rest.replace("()", "", 1))[0]
        found[match["name"]] = _Declaration("member", piece.strip(), parameters, result, {})
    return found


def _faults(agreed: _Declaration, built: _Declaration) -> list[str]:
    found = []
    for name, member in agreed.members.items():
        if name not in built.members:
            found.append(f"the member {name!r} is missing")
        else:
            found += [f"{name!r}: {text}" for text in _faults(member, built.members[name])]
    if agreed.parameters is not None:
        if built.parameters is None:
            return [f"it must be a function, not a {built.word}"]
        found += _parameter_faults(agreed.parameters, built.parameters)
    if agreed.result and built.result and agreed.result != built.result:
        word = "return" if agreed.parameters is not None else "be"
        found.append(f"it must {word} {agreed.result}, not {built.result}")
    return found


def _parameter_faults(agreed: tuple[str, ...], built: tuple[str, ...]) -> list[str]:
    found = []
    for index, parameter in enumerate(agreed):
        if index >= len(built):
            found.append(f"the parameter {_squeeze(parameter)!r} is missing")
            continue
        (wanted, is_optional), (given, given_optional) = _typed(parameter), _typed(built[index])
        if wanted and given and wanted != given:
            found.append(f"parameter {index + 1} must be {wanted}, not {given}")
        if is_optional and not given_optional:
            found.append(f"parameter {index + 1} must be optional")
    extras = [extra for extra in built[len(agreed) :] if not _typed(extra)[1]]
    return found + [f"the parameter {_squeeze(extra)!r} is not in the contract" for extra in extras]


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


def _split(text: str, separators: str = ",") -> list[str]:
    pieces, depth, start = [], 0, 0
    for at, char in enumerate(text):
        if char == ">" and text[at - 1 : at] == "=":
            continue
        depth += (char in _OPEN) - (char in _CLOSE)
        if char in separators and depth == 0:
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
