"""Stubs: the files a module begins with, made of the signatures of its contracts.

Owns how a contract reads in a file. A language without a stub writer gets the contract as a
comment, so that what was agreed stands where it is built. Must not know how stubs are used.
"""

from __future__ import annotations

import ast

from masterplan.spec.contract.place import language_of, language_of_path, path_of
from masterplan.spec.contract.signature import Definition, parse_signature
from masterplan.spec.schema import Contract, Module, Spec

_COMMENTS = {
    "python": ("# ", ""),
    "shell": ("# ", ""),
    "ruby": ("# ", ""),
    "typescript": ("// ", ""),
    "javascript": ("// ", ""),
    "go": ("// ", ""),
    "rust": ("// ", ""),
    "java": ("// ", ""),
    "c": ("// ", ""),
    "sql": ("-- ", ""),
    "html": ("<!-- ", " -->"),
    "css": ("/* ", " */"),
}


def stubs(spec: Spec, module_id: str) -> dict[str, str]:
    """Return a stub file by path for the contracts the module produces, new files only."""
    module = spec.module(module_id)
    if module is None:
        return {}
    held: dict[str, list[Contract]] = {}
    for contract in spec.contracts:
        path = path_of(spec, contract) if contract.module == module_id else None
        if path in module.files.create:
            held.setdefault(str(path), []).append(contract)
    texts = {path: _text(path, module, contracts) for path, contracts in held.items()}
    return {path: text for path, text in texts.items() if text}


def _text(path: str, module: Module, contracts: list[Contract]) -> str:
    language = language_of_path(path)
    if language not in _COMMENTS:
        return ""
    if language != "python":
        return "".join(_comment(contract, language) for contract in contracts)
    head = f'"""{_doc(module.responsibility)}"""\n\nfrom __future__ import annotations\n'
    return head + "".join("\n\n" + _python(contract) for contract in contracts)


def _python(contract: Contract) -> str:
    if contract.kind not in {"function", "class"} or language_of(contract) not in {"", "python"}:
        return _comment(contract, "python")
    try:
        definitions = parse_signature(contract.signature)
    except ValueError:
        return _comment(contract, "python")
    return "\n\n".join(_definition(node, contract) for node in definitions)


def _definition(node: Definition, contract: Contract) -> str:
    if isinstance(node, ast.ClassDef):
        methods = [_unbuilt(item) if isinstance(item, Definition) else item for item in node.body]
        kept = [item for item in methods if not isinstance(item, ast.Expr | ast.Pass)]
        node.body = [_docstring(contract), *kept]
        return ast.unparse(ast.fix_missing_locations(node)) + "\n"
    built = _unbuilt(node)
    built.body = [_docstring(contract), *built.body]
    return ast.unparse(ast.fix_missing_locations(built)) + "\n"


def _unbuilt(node: Definition) -> Definition:
    if not isinstance(node, ast.ClassDef):
        node.body = [ast.Raise(ast.Name("NotImplementedError", ast.Load()), None)]
    return node


def _docstring(contract: Contract) -> ast.stmt:
    lines = [f"Contract {contract.id}."]
    lines += [f"Before: {text}" for text in contract.pre]
    lines += [f"After: {text}" for text in contract.post]
    lines += [f"Raises: {text}" for text in contract.errors]
    return ast.Expr(ast.Constant("\n".join(lines)))


def _comment(contract: Contract, language: str) -> str:
    before, after = _COMMENTS[language]
    lines = [f"contract {contract.id}:", *contract.signature.splitlines()]
    safe = (line.replace("-->", "-- >").replace("*/", "* /") for line in lines)
    return "".join(f"{before}{line.rstrip()}{after}\n" for line in safe)


def _doc(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")
