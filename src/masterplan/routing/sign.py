"""What one tool call and its result show: an edit that landed, a check that failed, an error.

Owns the names that coding agents give their tools and the words their results open and end with.
Reads a bounded part of each text. Must not know lanes, models, or what a sign is worth.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import Literal

from masterplan.core.message import Text, ToolCall, ToolResult

Use = Literal["edit", "shell", "search", "check", "wait", "read", "other"]
"""What a call is for. ``search`` is a shell command that shows what is there: its output may hold
any text, and its exit code 1 means "nothing found"."""

Sign = Literal[
    "edit_landed", "edit_failed", "check_passed", "check_failed", "tool_error", "invalid", "plain"
]

HEAD_CHARS, TAIL_CHARS = 1_000, 4_000
"""What is read of a result: clients tell refusals at the start and tests their sum at the end."""
ARGUMENT_CHARS = 20_000
"""Longer arguments (whole files) are told apart by their raw text, not brought into one form."""
_OPENING, _CLOSING = 600, 400

_SHELLS = frozenset(
    {"bash", "shell", "localshell", "runshellcommand", "exec", "execcommand", "runcommand"}
    | {"executecommand", "terminal", "runterminalcmd", "powershell", "containerexec"}
)
_EDITS = frozenset(
    {"edit", "multiedit", "write", "replace", "writefile", "applypatch", "strreplace", "patch"}
    | {"strreplaceeditor", "strreplacebasededittool", "editfile", "createfile", "notebookedit"}
    | {"writetofile", "replacefilecontent", "multireplacefilecontent", "smartedit"}
)
_WAITS = frozenset(
    {"wait", "waitagent", "bashoutput", "taskoutput", "agentoutput", "writestdin", "sleep"}
    | {"killshell", "taskstop", "listagents", "schedulewakeup", "toolsearch", "updatetopic"}
)
_READS = frozenset(
    {"read", "readfile", "readmanyfiles", "view", "viewfile", "cat", "grep", "grepsearch", "glob"}
    | {"search", "listdirectory", "ls", "webfetch", "websearch", "googlewebsearch", "task"}
    | {"agent", "spawnagent", "invokeagent", "invokesubagent", "listdir", "viewcodeitem"}
)
_START = r"(?:^|[\n;&|(`] ?|-m |\b(?:npx|run|exec|time|env|sudo) |[\w./-]{0,80}/bin/|\.\/)"
_CHECK = re.compile(
    _START + r"(?:pytest|py\.test|unittest|vitest|jest|mocha|tox|nox|rspec|phpunit|ctest|tsc|"
    r"eslint|mypy|ruff check|gradlew|"
    r"(?:npm|pnpm|yarn|bun|deno|cargo|go|dotnet|mix|swift|make|gradle|mvn)"
    r" (?:run )?(?:test|check|vet|lint|build|clippy|verify)|python3? manage\.py test)(?![\w./-])"
)
_SEARCH = re.compile(
    _START + r"(?:e?grep|rg|ag|diff|cmp|test|\[|find|which|pgrep|ls|command -v|cat|head|tail|"
    r"less|sed -n|git (?:diff|grep|log|show)) "
)
_EXIT = re.compile(
    r"^\W{0,3}(?:process |command )?exit(?:ed with)? code:? {0,2}(-?\d{1,9})\b"
    r'|"exit_code" ?: ?(-?\d{1,9})\b',
    re.I | re.M,
)
_NOT_THEIRS = re.compile(
    r"user (?:doesn't want|rejected|denied|declined|cancell?ed)|cancell?ed by (?:the )?user|"
    r"request interrupted|rejected by (?:the )?user|permission to use|haven't granted|"
    r"requires approval|was blocked by|denied by policy|(?:plan )?rejected\. ",
    re.I,
)
_REFUSED = re.compile(r"\s{0,9}(?:<tool_use_error>|error\b|failed\b|traceback \(most)", re.I)
_INVALID = re.compile(
    r"inputvalidationerror|invalid (?:tool )?(?:arguments|parameters|params|input)\b|"
    r"\bparams?/[\w/]{1,80} must |must have required property|failed to parse (?:function )?arg|"
    r"missing (?:a )?required (?:arg|param|prop|field)|required parameter|missing field `|"
    r"unknown tool|no such tool|tool [^\n]{1,80} (?:not found|does not exist)",
    re.I,
)
_LANDED = re.compile(
    r"\s{0,9}(?:success|the file |file (?:created|updated|written)|wrote |edit(?:s|ed)? applied|"
    r"updated |applied |done\b|created |exit code: 0)",
    re.I,
)
_MISSED = re.compile(
    r"not found in (?:the )?(?:file|content)|could not find (?:the )?(?:string|exact|old)|"
    r"0 occurrences|no edits made|\bold_?string\b|found \d+ (?:matches|occurrences)|"
    r"multiple (?:matches|occurrences)|verification failed|patch (?:failed|rejected|does not)|"
    r"failed to (?:edit|apply|find|write)|has not been read|been modified since|malformed",
    re.I,
)
_FAILED = re.compile(
    r"\b[1-9]\d* (?:failed|failing|failures?)\b|\btest result: FAILED|^--- FAIL|^FAIL\b|"
    r"^FAILED \((?:failures|errors)|\b[1-9]\d* errors? in \d|\berror TS\d|^error\[E\d|"
    r"\bFound [1-9]\d* errors?\b|^make(?:\[\d+\])?: \*\*\*|could not compile|BUILD FAILED",
    re.M,
)
_PASSED = re.compile(
    r"\b[1-9]\d* (?:passed|passing)\b|\btest result: ok\. [1-9]|^ok +\S|^PASS\b|^OK\b|"
    r"All checks passed|no issues found|BUILD SUCCESS",
    re.M,
)
_BROKE = re.compile(
    r"^Traceback \(most recent call last\)|command not found|^fatal: |^panic: |"
    r"^error(?:\[E\d+\])?: |Segmentation fault",
    re.M,
)
_DIGITS = re.compile(r"\d+")


def use_of(call: ToolCall) -> Use:
    """Return what a call is for, by its tool's name and, for a shell, its command."""
    name = re.sub(r"[^a-z0-9]", "", call.name[-128:].rsplit("__", 1)[-1].lower())
    if name in _EDITS:
        return "read" if fields_of(call).get("command") == "view" else "edit"
    if name in _WAITS:
        return "wait"
    if name in _READS:
        return "read"
    if name not in _SHELLS:
        return "other"
    if "*** Begin Patch" in call.arguments[:ARGUMENT_CHARS]:
        return "edit"
    command = command_of(call)
    if _CHECK.search(command):
        return "check"
    return "search" if _SEARCH.search(command) else "shell"


def command_of(call: ToolCall) -> str:
    """Return the command line of a shell call; an empty text where there is none."""
    fields = fields_of(call)
    said = next((fields[key] for key in ("command", "cmd", "CommandLine") if key in fields), "")
    if isinstance(said, list):
        said = " ".join(str(word) for word in said[-1:])
    return said[:ARGUMENT_CHARS] if isinstance(said, str) else ""


def fields_of(call: ToolCall) -> dict[str, object]:
    """Return a call's arguments as fields; none where they are too long or no JSON object."""
    if len(call.arguments) > ARGUMENT_CHARS:
        return {}
    try:
        fields = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def call_digest(call: ToolCall) -> str:
    """Return a name for a call that is the same for the same tool with the same arguments."""
    fields = fields_of(call)
    text = json.dumps(fields, sort_keys=True) if fields else call.arguments
    return _digest(f"{call.name}\0{text}")


def answer_digest(result: ToolResult) -> str:
    """Return a name for an answer that is the same where only numbers (times) differ."""
    head, tail = ends_of(result)
    return _digest(_DIGITS.sub("0", f"{head}\0{tail}"))


def ends_of(result: ToolResult) -> tuple[str, str]:
    """Return the start and the end of a result's text, both bounded."""
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    if not texts:
        return "", ""
    return texts[0][:HEAD_CHARS], texts[-1][-TAIL_CHARS:]


def sign_of(use: Use, result: ToolResult) -> Sign:
    """Return what a result shows of a call that was for ``use``."""
    head, tail = ends_of(result)
    opening = head[:_OPENING]
    is_refusal = result.is_error or _REFUSED.match(opening) is not None
    if is_refusal and _NOT_THEIRS.search(opening):
        return "plain"
    if use == "edit":
        return _edit(opening, is_refusal or (_exit_code(head, "") or 0) != 0)
    if use in ("shell", "search", "check"):
        return _shell(use, result, head, tail)
    if is_refusal and use != "read" and _INVALID.search(opening):
        return "invalid"
    if result.is_error:
        return "invalid" if _INVALID.search(opening) else "tool_error"
    return "tool_error" if is_refusal and use == "other" else "plain"


def _edit(opening: str, is_refusal: bool) -> Sign:
    if is_refusal and _INVALID.search(opening):
        return "invalid"
    if not is_refusal and _LANDED.match(opening):
        return "edit_landed"
    return "edit_failed" if is_refusal or _MISSED.search(opening) else "edit_landed"


def _shell(use: Use, result: ToolResult, head: str, tail: str) -> Sign:
    if head.startswith("<tool_use_error>"):
        return "invalid" if _INVALID.search(head[:_OPENING]) else "tool_error"
    code = _exit_code(head, tail)
    if code is None and result.is_error:
        code = 1
    if use == "check":
        is_failed = bool(code) or _FAILED.search(tail) is not None
        is_failed = is_failed or (code is None and _BROKE.search(tail) is not None)
        return "check_failed" if is_failed else "check_passed"
    if use == "search":
        return "plain" if code in (None, 0, 1, 2) else "tool_error"
    if code:
        return "check_failed" if _FAILED.search(tail) else "tool_error"
    if code is None and _BROKE.search(tail):
        return "tool_error"  # a client that tells no exit code
    return "check_passed" if _PASSED.search(tail) and not _FAILED.search(tail) else "plain"


def _exit_code(head: str, tail: str) -> int | None:
    found = _EXIT.search(head[:_OPENING])
    if found is None:
        found = next(reversed([*_EXIT.finditer(tail[-_CLOSING:])]), None)
    return None if found is None else int(found.group(1) or found.group(2))


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
