"""The words that tell what a text asks for: phrases with a kind and a weight, and the leading verb.

Data for profile's rules, nothing else. A phrase is one to three words, lower case.
"""

from __future__ import annotations

from masterplan.core.task import Kind

LEAD_WEIGHT = 2.5
"""What the first verb of a text weighs: people say first what they want."""

PLAIN_LEADS = frozenset({"add", "create", "build", "write", "code", "develop", "find"})
PLAIN_LEAD_WEIGHT = 0.5
"""Verbs that tell little: what is written decides, not that it is written."""

LEADS: dict[str, Kind] = {
    "architect": "architecture",
    "design": "architecture",
    "plan": "planning",
    "decompose": "planning",
    "outline": "planning",
    "debug": "debugging",
    "diagnose": "debugging",
    "fix": "debugging",
    "troubleshoot": "debugging",
    "resolve": "debugging",
    "implement": "codegen",
    "code": "codegen",
    "add": "codegen",
    "create": "codegen",
    "build": "codegen",
    "write": "codegen",
    "develop": "codegen",
    "refactor": "refactor",
    "rename": "refactor",
    "extract": "refactor",
    "restructure": "refactor",
    "simplify": "refactor",
    "migrate": "refactor",
    "modernize": "refactor",
    "modernise": "refactor",
    "split": "refactor",
    "inline": "refactor",
    "style": "frontend",
    "center": "frontend",
    "centre": "frontend",
    "align": "frontend",
    "scaffold": "boilerplate",
    "bootstrap": "boilerplate",
    "stub": "boilerplate",
    "test": "tests",
    "cover": "tests",
    "document": "docs",
    "explain": "docs",
    "describe": "docs",
    "research": "research",
    "compare": "research",
    "survey": "research",
    "evaluate": "research",
    "investigate": "research",
    "find": "research",
    "review": "review",
    "audit": "review",
    "critique": "review",
    "inspect": "review",
    "summarize": "compaction",
    "summarise": "compaction",
    "compact": "compaction",
    "classify": "auxiliary",
    "title": "auxiliary",
}

_GROUPS: dict[Kind, dict[float, str]] = {
    "architecture": {
        4: "system design, system architecture, software architecture, architecture for, "
        "architecture of, high-level design, design the architecture, data architecture",
        2: "architecture, architectural, microservices, data model, data flow, trade-offs, "
        "tradeoffs, component diagram, service boundaries, bounded contexts, event sourcing, "
        "database schema, api design, multi-tenant",
    },
    "planning": {
        4: "implementation plan, project plan, work breakdown, write a spec, write a plan, "
        "break down, roadmap, migration plan, make a plan, create a plan",
        2: "plan, planning, milestones, specification, requirements, sequence of steps, "
        "step-by-step plan, estimate, user stories",
    },
    "debugging": {
        4: "race condition, deadlock, deadlocks, memory leak, stack trace, traceback, root cause, "
        "segfault, segmentation fault, intermittent, intermittently, heisenbug, failing test, "
        "failing tests, tests fail, test fails, test failure, core dump, data corruption",
        2: "bug, bugs, debug, debugging, crash, crashes, crashing, regression, flaky, exception, "
        "error, errors, broken, fails, failing, hangs, leak, wrong result, not working, "
        "doesn't work, does not work, why does, why is, off-by-one, null pointer",
        0.5: "fix, issue, problem",
    },
    "refactor": {
        4: "refactor, refactoring, extract method, extract function, extract class, "
        "clean up the, technical debt, without changing behavior, without changing behaviour, "
        "dead code",
        2: "rename, restructure, deduplicate, duplication, duplicated, modernize, reorganize, "
        "reorganise, convert, migrate, simplify, cleanup, clean up, move the, split the, "
        "replace all, port the, upgrade",
    },
    "frontend": {
        4: "react, vue, svelte, css, html, tailwind, front-end, frontend, front end, web page, "
        "landing page, responsive, dark mode, jsx, tsx, next.js, stylesheet, user interface, "
        "angular, web ui, login page, settings page, div, flexbox, the button, the layout",
        2: "ui, ux, component, components, button, buttons, navbar, sidebar, modal, dialog, form, "
        "layout, dashboard, accessibility, aria, animation, mockup, figma, browser, page, "
        "dropdown, tooltip, carousel, theme, icon, icons, hover, storybook, center, centre, "
        "centered, centred, font, footer",
    },
    "boilerplate": {
        4: "boilerplate, scaffold, scaffolding, skeleton, crud, getters and setters, dockerfile, "
        "docker-compose, gitignore, project setup, ci config, ci workflow, github actions, "
        "starter project, config file, makefile, pyproject.toml, package.json",
        2: "stub, stubs, template, dto, dtos, dataclass, dataclasses, project structure, "
        "hello world, setup script, enum, constants, initial setup",
    },
    "tests": {
        4: "unit test, unit tests, integration test, integration tests, write tests, add tests, "
        "test suite, test coverage, test cases, end-to-end tests, e2e tests, property tests, "
        "property-based tests, regression test, regression tests, tests for, snapshot tests",
        2: "tests, pytest, jest, vitest, junit, coverage, fixtures, mocks, playwright",
    },
    "docs": {
        4: "docstring, docstrings, readme, documentation, changelog, api reference, tutorial, "
        "user guide, release notes, how-to guide, doc comments, typo, typos, misspelling, "
        "misspelled, misspelt, spelling mistake, spelling mistakes, fix spelling, "
        "fix the spelling, fix comment, fix comments, fix the comment, fix the comments, "
        "fix grammar, fix the grammar, fix wording, fix the wording",
        2: "docs, document, comments, guide, wording, faq, examples in the",
    },
    "research": {
        4: "research, which library, compare libraries, state of the art, literature, "
        "pros and cons, best practices, look up, find out, options for",
        2: "compare, comparison, survey, alternatives, evaluate, benchmark results, "
        "investigate, what are the, recommendations",
    },
    "review": {
        4: "code review, pull request, security review, review the, review this, audit, "
        "review my, vulnerabilities, critique",
        2: "review, reviewer, feedback on, check the diff, merge request, look over",
    },
    "compaction": {
        5: "summarize the conversation, summarize this conversation, summarise the conversation, "
        "context checkpoint compaction, detailed summary of, compaction, "
        "summary of the conversation, continue the conversation",
    },
    "auxiliary": {
        5: "commit message, short title, title for, branch name, generate a title, "
        "session title, is this a new topic, classify this, name for this",
    },
    "codegen": {
        2: "implement, implementation, endpoint, function, class, algorithm, script, cli, "
        "command-line, module, feature, api client, parser, library, handler, method, program, "
        "support for, rest api, service, middleware, query, tokenizer, rate limiter",
        0.5: "add, create, build, write, code, generate",
    },
}

PHRASES: dict[str, tuple[Kind, float]] = {
    phrase.strip(): (kind, weight)
    for kind, groups in _GROUPS.items()
    for weight, phrases in groups.items()
    for phrase in phrases.split(",")
}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


HARD = _set(
    "concurrent concurrency race deadlock distributed consensus transaction transactions "
    "transactional consistency security secure cryptographic encryption performance optimize "
    "optimise scale scalable scalability latency throughput real-time multi-tenant legacy "
    "backward-compatible thread threads threading async asynchronous protocol compiler kernel "
    "memory intermittent intermittently idempotent migration sharding replication failover "
    "payment payments billing authentication authorization oauth scheduler numerical parser "
    "zero-downtime lock-free rollback across"
)
"""Words of work that goes wrong easily."""

EASY = _set(
    "simple small trivial typo typos rename one-line one-liner tiny straightforward basic minor "
    "quick easy hello short single boilerplate bump getter setter"
)
"""Words of work that hardly goes wrong."""

SMALL_TALK = _set(
    "please can could you we i need want to let's let us help me now the a an should would"
)
"""Words that may stand before the verb that says what is wanted."""

VISION = (
    "screenshot",
    "screenshots",
    "image attached",
    "attached image",
    "this image",
    "mockup attached",
    "attached mockup",
    "from the mockup",
    "this picture",
    "the photo",
)
STRUCTURED = ("json schema", "structured output", "valid json", "strict json")
