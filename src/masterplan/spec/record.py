"""The spec as text and back: reading, canonical form, digest, seal and approval.

Owns the one definition of "the same plan": the SHA-256 of the canonical JSON without ``digest``
and ``approval``. Text comes in and goes out; files are opened by others.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import ValidationError

from masterplan.core.errors import Problem, SpecError
from masterplan.spec.contract.place import path_of
from masterplan.spec.jsontext import read_json
from masterplan.spec.order import order
from masterplan.spec.schema import Approval, Layout, Spec
from masterplan.spec.structure import id_problems

MAX_SPEC_BYTES = 2_000_000
_MAX_LISTED = 100


def parse_spec(text: str, where: str = "spec.json") -> Spec:
    """Read a spec; every mistake comes back at once in a ``SpecError``, each with its place."""
    data, problems = read_json(text, MAX_SPEC_BYTES)
    if not problems and not isinstance(data, dict):
        mend = "Write one JSON object."
        problems = [Problem("spec.not_an_object", "the spec is not a JSON object", "", mend)]
    if problems:
        raise _refusal(problems, where)
    assert isinstance(data, dict)
    data.pop("$schema", None)
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        raise _refusal(schema_problems(error), where) from None
    problems = id_problems(spec)
    if problems:
        raise _refusal(problems, where)
    return spec


def schema_problems(error: ValidationError) -> list[Problem]:
    """Turn pydantic's complaints into problems with a place and a mend."""
    found = []
    for item in error.errors(include_url=False, include_input=False):
        context = item.get("ctx", {})
        code = context.get("code") or (
            item["type"] if item["type"].startswith("spec.") else f"spec.{item['type']}"
        )
        mend = context.get("mend") or _MENDS.get(item["type"], "See the published JSON-Schema.")
        found.append(Problem(code, item["msg"], to_place(item["loc"]), mend))
    return found


def to_place(location: tuple[int | str, ...]) -> str:
    """Write a location as people do.

    >>> to_place(("modules", 1, "files", "create", 0))
    'modules[1].files.create[0]'
    """
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def canonical_json(spec: Spec) -> str:
    """Return the text the digest is computed over: sorted, compact, no digest, no approval."""
    data = spec.model_dump(mode="json", exclude={"digest", "approval"})
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(spec: Spec) -> str:
    """Return the SHA-256 of the canonical JSON as 64 hex digits."""
    return hashlib.sha256(canonical_json(spec).encode()).hexdigest()


def dump_spec(spec: Spec) -> str:
    """Write the spec for its file: indented, in the fields' own order, same text every time."""
    return json.dumps(spec.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, object]:
    """Return the JSON-Schema that editors check ``spec.json`` by."""
    schema: dict[str, object] = Spec.model_json_schema()
    properties = schema["properties"]
    assert isinstance(properties, dict)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "properties": {"$schema": {"type": "string"}, **properties},
    }


def seal(spec: Spec) -> Spec:
    """Compute what no model writes: owners of paths, contracts' files, the graph, the digest."""
    owners = dict(spec.layout.ownership)
    for module in spec.modules:
        for path in (*module.files.writable, *module.files.test):
            owners.setdefault(path, module.id)
    layout = Layout(tree=spec.layout.tree, ownership=dict(sorted(owners.items())))
    contracts = tuple(
        contract.model_copy(update={"path": path_of(spec, contract)}) for contract in spec.contracts
    )
    update = {"layout": layout, "contracts": contracts, "graph": order(spec)}
    sealed = spec.model_copy(update=update)
    return sealed.model_copy(update={"digest": digest(sealed)})


def approve(spec: Spec, by: str, at: str) -> Spec:
    """Bind a person's approval to the digest; ``at`` is ISO 8601. Refuses an unsealed spec."""
    now = digest(spec)
    if spec.digest != now:
        raise SpecError(
            "spec.edited",
            f"the spec was edited: it says digest {spec.digest or '(none)'}, its content has {now}",
            "digest",
            "Seal it again with `masterplan check`, read it, then approve it.",
        )
    return spec.model_copy(update={"approval": Approval(by=by, at=at, digest=now)})


def ensure_approved(spec: Spec) -> None:
    """Raise a ``SpecError`` with both digests unless this very content was approved."""
    now = digest(spec)
    if spec.approval is None:
        raise SpecError(
            "spec.unapproved",
            f"nobody has approved this spec; its digest is {now}",
            "approval",
            "Read SPEC.md, then run `masterplan approve`.",
        )
    if spec.approval.digest != now:
        raise SpecError(
            "spec.edited",
            f"the spec was changed after its approval: approved {spec.approval.digest}, now {now}",
            "approval.digest",
            "Read the change, then run `masterplan approve` again.",
        )


_MENDS = {
    "missing": "Add this field.",
    "extra_forbidden": "Remove this field; the spec has no such name.",
    "string_type": "Write a text in double quotes.",
    "tuple_type": "Write a list in square brackets.",
    "dict_type": "Write an object in curly brackets.",
    "model_type": "Write an object in curly brackets.",
    "too_long": "Remove entries, or split the work into several specs.",
    "string_too_long": "Shorten this text.",
    "literal_error": "Use one of the named values.",
}


def _refusal(problems: list[Problem], where: str) -> SpecError:
    first, count = problems[0], len(problems)
    if count == 1:
        place = f"{where}: {first.where}" if first.where else where
        return SpecError(first.code, first.message, place, first.mend, (first,))
    listed = tuple(problems[:_MAX_LISTED])
    message = f"{count} mistakes in the spec; the first: {first}"
    return SpecError("spec.invalid", message, where, "Mend each of them, then try again.", listed)
