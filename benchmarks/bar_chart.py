"""A bar chart as SVG text, with a logarithmic scale: rates that differ by a factor of a hundred stay readable.

Rules of this file: pure; no fonts or scripts from elsewhere; light and dark backgrounds both work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

Kind = Literal["limit", "ours", "peer"]

COLOURS: Final = {"limit": "#8a8f98", "ours": "#0b7285", "peer": "#c77d0a"}
WIDTH: Final = 720
LABELS_WIDTH: Final = 210
NUMBERS_WIDTH: Final = 80
BAR_HEIGHT: Final = 22
ROW_HEIGHT: Final = 32
TOP: Final = 44


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    name: str
    value: float
    kind: str


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """Return the chart; each power of ten is a grid line.

    Examples
    --------
    >>> bar_chart("Rates", [Bar("slow", 100.0, "peer"), Bar("fast", 10_000.0, "ours")]).count("<rect")
    2
    """
    lowest = 10 ** math.floor(math.log10(min((bar.value for bar in bars), default=1.0)))
    highest = 10 ** math.ceil(math.log10(max((bar.value for bar in bars), default=10.0) * 1.000001))
    height = TOP + ROW_HEIGHT * len(bars) + 24
    words = "; ".join(f"{bar.name} {bar.value:,.0f}" for bar in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(words)}</desc>",
        f'<text x="8" y="22" font-size="15" fill="#5c636b">{escape(title)} (logarithmic scale)</text>',
    ]
    power = lowest
    while power <= highest:
        x = _x(power, lowest, highest)
        lines.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 22}" stroke="#8a8f98" stroke-opacity=".35"/>'
        )
        lines.append(
            f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle" fill="#8a8f98">{power:,.0f}</text>'
        )
        power *= 10
    for row, bar in enumerate(bars):
        lines += _row(bar, TOP + row * ROW_HEIGHT, end=_x(bar.value, lowest, highest))
    return "\n".join([*lines, "</svg>", ""])


def _row(bar: Bar, y: float, *, end: float) -> list[str]:
    colour, middle = COLOURS[bar.kind], y + BAR_HEIGHT * 0.7
    width = max(end - LABELS_WIDTH, 1.0)
    return [
        f'<text x="{LABELS_WIDTH - 8}" y="{middle:.0f}" text-anchor="end" fill="#5c636b">{escape(bar.name)}</text>',
        f'<rect x="{LABELS_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" fill="{colour}"/>',
        f'<text x="{end + 6:.1f}" y="{middle:.0f}" fill="#5c636b">{bar.value:,.0f}</text>',
    ]


def _x(value: float, lowest: float, highest: float) -> float:
    share = math.log10(value / lowest) / math.log10(highest / lowest)
    return LABELS_WIDTH + share * (WIDTH - LABELS_WIDTH - NUMBERS_WIDTH)
