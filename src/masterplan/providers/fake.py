"""The scripted provider: real HTTP on loopback in three dialects, and the oracle for the bill.

Ships in the package so that policies can be tried without keys. (Door; body follows.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from masterplan.core.message import Part, Request, Stop
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage


@dataclass(frozen=True)
class Reply:
    """What to answer. ``text``, then ``tool_calls`` (name, JSON text), or ``parts`` instead.

    ``status`` over 399 answers an error with ``body``; ``body`` with 200 is sent as it is.
    ``cut_at`` ends the answer after that many body bytes, with FIN or RST; ``stall_at`` falls
    silent there; ``reset_before_status`` executes the request and resets the connection.
    ``model`` overrides the served name; ``usage=None`` counts words, ``"none"`` reports none.
    """

    text: str = "ok"
    tool_calls: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] | None = None
    stop: Stop | None = None
    usage: Usage | Literal["none"] | None = None
    model: str | None = None
    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    cut_at: int | None = None
    cut_with: Literal["fin", "rst"] = "fin"
    stall_at: int | None = None
    reset_before_status: bool = False
    content_length: int | None = None


@dataclass(frozen=True)
class Received:
    """One request as it came: its dialect, canonical form, raw body and headers (lower case)."""

    dialect: Dialect
    model: str
    request: Request
    body: bytes
    headers: Mapping[str, str]
    path: str


Script = Callable[[Received], Reply] | Sequence[Reply]
"""A function, or replies in order (the last one repeats)."""


class FakeProvider:
    """``async with FakeProvider(script) as fake`` serves at ``fake.base_url`` until it exits."""

    base_url: str

    def __init__(self, script: Script = (), *, port: int = 0) -> None:
        self._script = script
        self._port = port
        self.received: list[Received] = []
        self.usages: list[tuple[str, Usage]] = []

    @property
    def executions(self) -> int:
        """How many requests were executed, and so would be on the bill."""
        return len(self.usages)

    def bill(self, price: Callable[[str, Usage], int]) -> int:
        """Return the sum in nano-dollars of ``price(served model, usage)``: the oracle."""
        return sum(price(model, usage) for model, usage in self.usages)

    async def __aenter__(self) -> FakeProvider:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError
