"""Figures as SVG text: points of cost and quality, and intervals in rows.

Owns scales, labels and that a figure can be read aloud (title and description). Colours are CSS
classes, so light and dark are the page's. Must not know what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import Literal

Role = Literal["policy", "model", "mix", "oracle", "reference"]

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 18, 48
ROW = 26
LABEL_SPACE = 230
LEAST_X = 1e-9
"""What costs less, a billionth of a dollar, is free."""
MAX_TICKS = 12


@dataclass(frozen=True)
class Dot:
    """One point: ``x`` above 0, ``y``, and the ends of its interval in y if there is one."""

    label: str
    x: float
    y: float
    role: Role = "model"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Words:
    """What a figure says without being seen, and its axes."""

    title: str
    description: str
    x_label: str
    y_label: str = ""


def scatter(words: Words, dots: Sequence[Dot], line: Sequence[tuple[float, float]] = ()) -> str:
    """Return points over a logarithmic x axis (dollars) with a line of what mixing can reach."""
    xs = _LogScale.over([dot.x for dot in dots])
    ys = _Scale.over([v for dot in dots for v in (dot.y, dot.low, dot.high) if v is not None])
    parts = [_grid(xs, ys), _axes(words)]
    if len(line) > 1:
        path = " ".join(f"{_n(xs.place(x))},{_n(ys.place(y))}" for x, y in line)
        parts.append(f'<polyline class="mix" points="{path}"/>')
    taken = _Taken([(xs.place(dot.x), ys.place(dot.y)) for dot in dots])
    for dot in sorted(dots, key=lambda d: (d.role == "model", -d.y)):
        parts.append(_dot(dot, xs.place(dot.x), ys, taken))
    return _svg(words, WIDTH, HEIGHT, parts)


def rows(words: Words, dots: Sequence[Dot], zero: float | None = None) -> str:
    """Return one row a point with its interval; ``zero`` draws the line of no difference."""
    values = [v for dot in dots for v in (dot.x, dot.low, dot.high, zero) if v is not None]
    scale = _Scale.over(values, LABEL_SPACE, WIDTH - RIGHT)
    height = TOP + ROW * len(dots) + BOTTOM
    parts = []
    for tick in scale.ticks():
        x = _n(scale.place(tick))
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        parts.append(
            f'<text class="tick" x="{x}" y="{height - BOTTOM + 16}" text-anchor="middle">'
            f"{_percent(tick)}</text>"
        )
    if zero is not None:
        x = _n(scale.place(zero))
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{TOP}" y2="{height - BOTTOM}"/>')
    for index, dot in enumerate(dots):
        y = TOP + ROW * index + ROW // 2
        parts.append(_row(dot, scale, y))
    parts.append(
        f'<text class="label" x="{(LABEL_SPACE + WIDTH - RIGHT) // 2}" y="{height - 8}" '
        f'text-anchor="middle">{escape(words.x_label)}</text>'
    )
    return _svg(words, WIDTH, height, parts)


def _row(dot: Dot, scale: _Scale, y: int) -> str:
    name = f'<text class="name" x="{LABEL_SPACE - 12}" y="{y + 4}" text-anchor="end">'
    parts = [f"{name}{escape(_short(dot.label, 32))}</text>"]
    if dot.low is not None and dot.high is not None:
        low, high = _n(scale.place(dot.low)), _n(scale.place(dot.high))
        parts.append(f'<line class="whisker {dot.role}" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>')
    told = f"<title>{escape(_told(dot, _percent(dot.x)))}</title>"
    x = _n(scale.place(dot.x))
    parts.append(f'<circle class="{dot.role}" cx="{x}" cy="{y}" r="5">{told}</circle>')
    return "".join(parts)


def _dot(dot: Dot, x: float, ys: _Scale, taken: _Taken) -> str:
    y = ys.place(dot.y)
    parts = []
    if dot.low is not None and dot.high is not None:
        ends = f'y1="{_n(ys.place(dot.low))}" y2="{_n(ys.place(dot.high))}"'
        parts.append(f'<line class="whisker {dot.role}" x1="{_n(x)}" x2="{_n(x)}" {ends}/>')
    told = f"<title>{escape(_told(dot, f'{_percent(dot.y)} at ${dot.x:.3g}'))}</title>"
    size = 4 if dot.role == "model" else 6
    parts.append(f'<circle class="{dot.role}" cx="{_n(x)}" cy="{_n(y)}" r="{size}">{told}</circle>')
    name = _short(dot.label, 26)
    is_late = x > WIDTH - 150
    if taken.has_room(x, y, len(name), is_late):
        place = f'x="{_n(x - 9 if is_late else x + 9)}" y="{_n(y + 4)}"'
        anchor = "end" if is_late else "start"
        parts.append(f'<text class="name" {place} text-anchor="{anchor}">{escape(name)}</text>')
    return "".join(parts)


def _told(dot: Dot, value: str) -> str:
    if dot.low is None or dot.high is None:
        return f"{dot.label}: {value}"
    return f"{dot.label}: {value}, 95 % {_percent(dot.low)} to {_percent(dot.high)}"


class _Taken:
    """Where dots and names already are: a name that would lie on one is left to the pointer."""

    def __init__(self, dots: list[tuple[float, float]]) -> None:
        self._dots = dots
        self._names: list[tuple[float, float, float]] = []

    def has_room(self, x: float, y: float, letters: int, is_late: bool) -> bool:
        """Tell whether a name fits beside its dot, and take its place if so."""
        width = 6.4 * letters + 8
        left, right = (x - 9 - width, x - 7) if is_late else (x + 7, x + 9 + width)
        on_dot = any(left < a < right and abs(b - y) < 9 for a, b in self._dots)
        on_name = any(
            left < end and start < right and abs(b - y) < 13 for start, end, b in self._names
        )
        if on_dot or on_name:
            return False
        self._names.append((left, right, y))
        return True


@dataclass(frozen=True)
class _Scale:
    """Values to pixels; upwards where ``start`` lies below ``end`` on the page."""

    low: float
    high: float
    start: float
    end: float

    @staticmethod
    def over(values: Sequence[float], start: float = HEIGHT - BOTTOM, end: float = TOP) -> _Scale:
        low, high = min(values), max(values)
        # Values that are all but the same get a scale wide enough to have ticks.
        least = 1e-6 * max(1.0, abs(high))
        room = (high - low) * 0.06 if high - low > least else 0.05 * max(1.0, abs(high))
        return _Scale(low - room, high + room, start, end)

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        rough = (self.high - self.low) / 6
        size = 10.0 ** floor(log10(rough))
        step = next((size * m for m in (1, 2, 5) if size * m >= rough), size * 10)
        first = floor(self.low / step) + 1
        count = floor(self.high / step) - first + 1
        return [round((first + i) * step, 10) for i in range(count)]


@dataclass(frozen=True)
class _LogScale:
    low: float
    high: float

    @staticmethod
    def over(values: Sequence[float]) -> _LogScale:
        positive = [value for value in values if value >= LEAST_X] or [1.0]
        return _LogScale(log10(min(positive)) - 0.08, log10(max(positive)) + 0.12)

    def place(self, value: float) -> float:
        # What is free has no place on a logarithmic axis: it stands at its left end.
        share = (log10(value) - self.low) / (self.high - self.low) if value >= LEAST_X else 0.0
        return LEFT + share * (WIDTH - RIGHT - LEFT)

    def ticks(self) -> list[float]:
        decades = range(floor(self.low), floor(self.high) + 1)
        ticks = [m * 10.0**d for d in decades for m in (1, 2, 5)]
        shown = [tick for tick in ticks if self.low <= log10(tick) <= self.high]
        return shown if len(shown) <= MAX_TICKS else [10.0**d for d in decades[1:]]


def _grid(xs: _LogScale, ys: _Scale) -> str:
    parts = []
    for tick in ys.ticks():
        y = _n(ys.place(tick))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">'
            f"{_percent(tick)}</text>"
        )
    for tick in xs.ticks():
        x = _n(xs.place(tick))
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text class="tick" x="{x}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"${tick:g}</text>"
        )
    return "".join(parts)


def _axes(words: Words) -> str:
    middle = (TOP + HEIGHT - BOTTOM) // 2
    return (
        f'<text class="label" x="{(LEFT + WIDTH - RIGHT) // 2}" y="{HEIGHT - 8}" '
        f'text-anchor="middle">{escape(words.x_label)}</text>'
        f'<text class="label" x="14" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle})">{escape(words.y_label)}</text>'
    )


def _svg(words: Words, width: int, height: int, parts: Sequence[str]) -> str:
    name = "".join(c if c.isalnum() else "-" for c in words.title.lower())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(words.title)}</title>'
        f'<desc id="{name}-desc">{escape(words.description)}</desc>'
    )
    return head + "".join(parts) + "</svg>"


def _percent(value: float) -> str:
    return f"{value * 100:.3g} %"


def _short(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"


def _n(value: float) -> str:
    return f"{value:.1f}"
