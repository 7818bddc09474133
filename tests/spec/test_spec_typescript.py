# ruff: noqa: E501 - one row a case
"""TypeScript is held to its contract by what the compiler declares."""

import pytest

from masterplan.spec import Contract, check_contract
from masterplan.spec.contract import check_declarations, declaration_command, declaration_path

F = "export function slug(text: string, sep?: string): string"

KEPT = [
    (F, "export declare function slug(text: string, sep?: string): string;\n"),
    (F, "export declare function slug(title: string, sep?: string | undefined): string;\nexport {};\n"),
    (F, "/** Makes (a) slug: string; */\nexport declare function slug(text: string, sep?: string, more?: number): string;"),
    (F, "export declare const slug: (text: string, sep?: string) => string;"),
    ("function slug(text: string, sep: string = '-'): string", "export declare function slug(text: string, sep?: string): string;"),
    ("const f = (a: number): void => {}", "export declare const f: (a: number) => void;"),
    ("function f(cb: (a: number, b: string) => void, m: Map<string, number>): Promise<string[]>",
     "export declare function f(cb: (a: number, b: string) => void, m: Map<string, number>): Promise<string[]>;"),
    ("function f(o: { a: number; b: string }): void", "export declare function f(o: {\n    a: number;\n    b: string;\n}): void;"),
    ("interface Point { x: number; y: number }", "export interface Point {\n    x: number;\n    y: number;\n    z?: number;\n}"),
    ("class Stack { push(item: number): void; pop(): number }",
     "export declare class Stack {\n    private items;\n    push(item: number): void;\n    pop(): number;\n}"),
    ("function f(a: string)", "export declare function f(a: string): number;"),
    ("export async function load(url: string): Promise<void>", "export declare function load(url: string): Promise<void>;"),
    ("class Stack<T> { constructor(size: number); push(item: T): this; get top(): T | undefined; static of<T>(x: T): Stack<T> }",
     "export declare class Stack<T> {\n    readonly size: number;\n    private n;\n    static of<T>(x: T): Stack<T>;\n    constructor(size: number, n?: number);\n    push(item: T): this;\n    get top(): T | undefined;\n}"),
    ("function over(a: number): number", "export declare function over(a: string): string;\nexport declare function over(a: number): number;"),
    ("type Kind = 'a' | 'b'", "export type Kind = 'a' | 'b';"),
    ("interface P { x: number; y?: string; f(a: number): void }", "export interface P {\n    x: number;\n    readonly y?: string;\n    f(a: number): void;\n}"),
    ("function gen<T extends object>(x: T, ...rest: number[]): [T, number]", "export declare function gen<T extends object>(x: T, ...rest: number[]): [T, number];"),
    ("enum E { A, B }", "export declare enum E {\n    A = 0,\n    B = 1\n}"),
    ("export function raw(a, b)", "export function raw(a: any, b?: number): any;"),
]  # fmt: skip

BROKEN = [
    (F, "export {};\n", "contract.missing"),
    (F, "export declare function slugs(text: string): string;", "contract.missing"),
    (F, "export declare function slug(text: string): string;", "contract.parameter"),
    (F, "export declare function slug(text: number, sep?: string): string;", "contract.parameter"),
    (F, "export declare function slug(text: string, sep: string): string;", "contract.parameter"),
    (F, "export declare function slug(text: string, sep?: string): string | null;", "contract.parameter"),
    (F, "export declare function slug(text: string, sep: string | undefined, n: number): string;", "contract.parameter"),
    (F, "export declare const slug = 3;", "contract.parameter"),
    ("interface Point { x: number; y: number }", "export interface Point {\n    x: number;\n}", "contract.parameter"),
    ("class S { push(a: number): void }", "export declare class S {\n    private push;\n}", "contract.parameter"),
    ("type Kind = 'a'", "export type Kind = 'a' | 'b';", "contract.parameter"),
    ("function over(a: boolean): number", "export declare function over(a: string): string;\nexport declare function over(a: number): number;", "contract.parameter"),
    ("class S { push(a: number): void }", "export declare class S {\n    push(a: string): void;\n}", "contract.parameter"),
    ("interface P { x: number }", "export interface P {\n    x: string;\n}", "contract.parameter"),
    ("class S { get(key: string): number }", "export declare class S {\n    get(): number;\n}", "contract.parameter"),
    ("a function that makes slugs", F, "contract.bad_signature"),
]  # fmt: skip


def _contract(signature: str, path: str = "web/slug.ts") -> Contract:
    return Contract(id="slug", module="web", signature=signature, path=path)


@pytest.mark.parametrize(("signature", "declarations"), KEPT)
def test_check_declarations_when_kept_then_finds_nothing(signature, declarations) -> None:
    assert check_declarations(declarations, _contract(signature)) == []


@pytest.mark.parametrize(("signature", "declarations", "code"), BROKEN)
def test_check_declarations_when_broken_then_says_how(signature, declarations, code) -> None:
    problems = check_declarations(declarations, _contract(signature))
    assert code in {problem.code for problem in problems}
    assert all(problem.mend for problem in problems)


def test_check_contract_when_declarations_are_there_then_uses_them() -> None:
    result = check_contract(_contract(F), {"web/slug.d.ts": KEPT[0][1], "web/x.d.ts": ""})
    assert (result.checked_by, result.problems) == ("tsc declarations", ())


def test_declaration_command_then_names_files_and_folder() -> None:
    command = declaration_command(["a.ts", "b.js"], "out")
    assert command[0] == "tsc"
    assert command[-2:] == ("a.ts", "b.js")
    assert command[command.index("--outDir") + 1] == "out"
    assert [declaration_path(p) for p in ("a/b.tsx", "c.mjs", "d.d.ts")] == [
        "a/b.d.ts",
        "c.d.ts",
        "d.d.ts",
    ]
