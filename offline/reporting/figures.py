"""Figures in one look: a white sheet, one palette, thousands separators, no state outside the figure.

    with drawn(width_in=7, height_in=4) as figure:
        axes = figure.subplots()
        axes.hist(values, color=PALETTE[0])
        labelled(axes, "Average credit limit", x="credit limit (currency units)", y="customers")
    png = save_figure(figure, out / "figures" / "credit_limit.png")

Rules of this file: `matplotlib.figure.Figure` only, never pyplot (it keeps figures alive and holds global
state); the same data give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

PALETTE: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b8a800")
"""Okabe and Ito's colours, told apart by colour-blind readers too; yellow darkened for white paper."""
DIVERGING: Final = "RdBu_r"
SEQUENTIAL: Final = "Blues"
DOTS_PER_INCH: Final = 110
TICK_LABEL_CHARACTERS_MAX: Final = 22

LOOK: Final[Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a report looks the same everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#6b7280",
    "axes.labelcolor": "#374151",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.7,
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "axes.prop_cycle": cycler(color=list(PALETTE)),
}


@contextmanager
def drawn(*, width_in: float = 7.0, height_in: float = 4.0) -> Iterator[Figure]:
    """Give an empty figure to draw in, in the look of the reports; sizes in inches."""
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(width_in, height_in), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def labelled(axes: Axes, title: str, *, x: str = "", y: str = "") -> None:
    """Write title and axis labels, and thousands separators on numeric axes; name units in the labels."""
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def thousands(axes: Axes, *, x: bool = False, y: bool = False) -> None:
    """Write the ticks of the chosen axes with thousands separators, at most six of them."""
    for axis, chosen in ((axes.xaxis, x), (axes.yaxis, y)):
        if chosen:
            axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def shortened(text: str, characters_max: int = TICK_LABEL_CHARACTERS_MAX) -> str:
    """Return the text, cut with an ellipsis where it would run into its neighbour."""
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


def save_figure(figure: Figure, path: Path | None) -> bytes:
    """Return the figure as PNG, and write it to the path when one is given (its folder is made)."""
    buffer = BytesIO()
    # Without the name of the software the bytes depend on the drawing alone.
    with mpl.rc_context(LOOK):
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    content = buffer.getvalue()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return content
