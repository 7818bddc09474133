"""One HTML page with figures and tables in it: nothing is loaded from anywhere, nothing is run.

Owns the frame, the colours of light and dark, and the policy that forbids everything else. Must
not know what the page tells.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root{color-scheme:light dark;--ink:#1d2329;--soft:#5d6873;--line:#dfe4e8;--paper:#fff;
--card:#f6f8f9;--policy:#0b6bcb;--model:#8894a0;--mix:#b7791f;--oracle:#2f855a;--reference:#8b3fb8}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaee;--soft:#9aa6b2;--line:#323a42;
--paper:#14181c;--card:#1b2126;--policy:#63b3ff;--model:#8391a0;
--mix:#e0a84c;--oracle:#5fce96;--reference:#c88cf0}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:60rem;background:var(--paper);
color:var(--ink);font:16px/1.55 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .4rem}h2{font-size:1.15rem;margin:2.4rem 0 .5rem}
p{margin:.4rem 0;max-width:46rem}.soft,footer{color:var(--soft);font-size:.9rem}
.facts{display:flex;flex-wrap:wrap;gap:.8rem;margin:1.2rem 0;padding:0;list-style:none}
.facts li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;
padding:.7rem 1rem;flex:1 1 11rem}
.facts b{display:block;font-size:1.45rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}
th{color:var(--soft);font-weight:600}
svg{width:100%;height:auto;display:block;margin:.5rem 0}svg text{font:12px system-ui,sans-serif}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.tick,.label{fill:var(--soft)}.name{fill:var(--ink)}
circle.policy{fill:var(--policy)}circle.model{fill:var(--model)}circle.oracle{fill:var(--oracle)}
circle.mix{fill:var(--mix)}circle.reference{fill:var(--reference)}
.whisker{stroke-width:2;stroke:var(--model)}.whisker.policy{stroke:var(--policy)}
.whisker.oracle{stroke:var(--oracle)}.whisker.reference{stroke:var(--reference)}
polyline.mix{fill:none;stroke:var(--mix);stroke-width:2;stroke-dasharray:5 4}
""".strip()


@dataclass(frozen=True)
class Section:
    """A heading, sentences as plain text, and finished markup (figures, tables) below them."""

    heading: str
    sentences: tuple[str, ...] = ()
    markup: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A figure that is read first, and what it is."""

    value: str
    meaning: str


def page(
    title: str, lead: str, facts: Sequence[Fact], sections: Sequence[Section], foot: str = ""
) -> str:
    """Return a whole document; titles, sentences and facts are escaped here."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    allowed = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    listed = "".join(
        f"<li><b>{escape(fact.value)}</b>{escape(fact.meaning)}</li>" for fact in facts
    )
    body = "".join(_section(section) for section in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="soft">{escape(lead)}</p>'
        + (f'<ul class="facts">{listed}</ul>' if listed else "")
        + f"{body}</main><footer>{escape(foot)}</footer></body></html>\n"
    )


def _section(section: Section) -> str:
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in section.sentences)
    return f"<section><h2>{escape(section.heading)}</h2>{told}{''.join(section.markup)}</section>"
