"""Where a contract lives and in what language, where the planner did not say.

Owns the guesses that follow from files and suffixes. Must not know how a language is checked.
"""

from __future__ import annotations

from masterplan.spec.schema import Contract, Spec

_LANGUAGES = {
    "py": "python",
    "pyi": "python",
    "ts": "typescript",
    "tsx": "typescript",
    "mts": "typescript",
    "js": "javascript",
    "jsx": "javascript",
    "mjs": "javascript",
    "go": "go",
    "rs": "rust",
    "java": "java",
    "rb": "ruby",
    "c": "c",
    "h": "c",
    "sh": "shell",
    "sql": "sql",
    "html": "html",
    "css": "css",
}
_ALIASES = {"py": "python", "python3": "python", "ts": "typescript", "js": "javascript"}


def path_of(spec: Spec, contract: Contract) -> str | None:
    """Return the file that defines a contract: as written, else the first code file of its module.

    A module with several code files gives the one whose name is in the contract's id or signature.
    """
    if contract.path is not None or contract.module is None:
        return contract.path
    module = spec.module(contract.module)
    if module is None:
        return None
    wanted = _ALIASES.get(contract.language.lower(), contract.language.lower())
    code = [path for path in module.files.writable if language_of_path(path)]
    fitting = [path for path in code if not wanted or language_of_path(path) == wanted]
    named = [path for path in fitting if _stem(path) in f"{contract.id} {contract.signature}"]
    plain = [path for path in fitting if _stem(path) != "__init__"]
    return next(iter([*named, *plain, *fitting]), None)


def language_of(contract: Contract) -> str:
    """Return the contract's language in lower case, ``""`` where nothing says it."""
    stated = contract.language.strip().lower()
    if stated:
        return _ALIASES.get(stated, stated)
    return language_of_path(contract.path) if contract.path else ""


def language_of_path(path: str) -> str:
    """Return the language a path's suffix stands for, or ``""``."""
    return _LANGUAGES.get(path.rsplit(".", 1)[-1].lower(), "") if "." in path else ""


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
