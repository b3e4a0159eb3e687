"""One report = one HTML file: sections of sentences, tables and figures, everything inside.

    report = Report("Customers of AllLife", subtitle="660 rows, read on the mapping alllife")
    section = report.section("What was read")
    section.sentences(["660 rows were read."])
    section.table(frame, caption="Summary", formats={"mean": ",.2f"})
    section.figure(png, title="Average credit limit", alt="Histogram: most customers below 50,000")
    file.write_text(report.html(), encoding="utf-8")

Rules of this file: strings only; every text is escaped; nothing is loaded from a network, no script.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

import numpy as np
import pandas as pd

from offline.reporting.numbers import MISSING, shown_number
from offline.reporting.picture import Picture
from offline.reporting.style import STYLE

Cell = object
Rows = Sequence[Sequence[Cell]]

NUMBERS: Final = (int, float, np.number)


class Section:
    """A part of a report, with a heading and an anchor; filled from top to bottom."""

    def __init__(self, heading: str, anchor: str) -> None:
        self.heading = heading
        self.anchor = anchor
        self._parts: list[str] = []

    def subheading(self, text: str) -> Section:
        """Begin a smaller part."""
        return self._add(f"<h3>{escape(text)}</h3>")

    def paragraph(self, text: str) -> Section:
        """Add one paragraph."""
        return self._add(f"<p>{escape(text)}</p>")

    def sentences(self, texts: Sequence[str]) -> Section:
        """Add a list of sentences; nothing when there is none."""
        if not texts:
            return self
        items = "".join(f"<li>{escape(text)}</li>" for text in texts)
        return self._add(f"<ul>{items}</ul>")

    def table(
        self,
        rows: pd.DataFrame | Rows,
        *,
        caption: str,
        columns: Sequence[str] | None = None,
        formats: Mapping[str, str] | None = None,
        note: str = "",
    ) -> Section:
        """Add a table.

        Parameters
        ----------
        rows : a frame (its index becomes the first column when it has a name) or rows of cells
        caption : above the table
        columns : headings when `rows` is no frame
        formats : heading → format specification such as ",.2f"; other numbers as `shown_number` writes them
        note : below the table, in small letters
        """
        headings, cells = _headings_and_cells(rows, columns)
        return self._add(_table(headings, cells, caption=caption, formats=formats or {}, note=note))

    def figure(
        self, png: bytes, *, title: str, alt: str, caption: str = "", is_half: bool = False
    ) -> Section:
        """Add a picture; `alt` says in words what it shows, for readers who cannot see it.

        Two neighbours that are `is_half` stand beside each other where the page is wide enough.
        """
        source = base64.b64encode(png).decode("ascii")
        below = f" {escape(caption)}" if caption else ""
        size = ' class="half"' if is_half else ""
        return self._add(
            f'<figure{size}><img src="data:image/png;base64,{source}" alt="{escape(alt)}">'
            f"<figcaption><b>{escape(title)}.</b>{below}</figcaption></figure>"
        )

    def picture(self, picture: Picture) -> Section:
        """Add a picture with the words that belong to it."""
        return self.figure(
            picture.png,
            title=picture.title,
            alt=picture.alt,
            caption=picture.caption,
            is_half=picture.is_half,
        )

    def html(self) -> str:
        """Return the section as HTML."""
        parts = "\n".join(self._parts)
        return f'<section id="{self.anchor}">\n<h2>{escape(self.heading)}</h2>\n{parts}\n</section>'

    def _add(self, part: str) -> Section:
        self._parts.append(part)
        return self


@dataclass(slots=True)
class Report:
    """A report that is being written: add sections in order, then take `html`."""

    title: str
    subtitle: str = ""
    _sections: list[Section] = field(default_factory=list)

    def section(self, heading: str) -> Section:
        """Begin a section at the end of the report and return it."""
        section = Section(heading, f"section-{len(self._sections) + 1}")
        self._sections.append(section)
        return section

    def html(self) -> str:
        """Return the whole page."""
        links = "".join(f'<a href="#{part.anchor}">{escape(part.heading)}</a>' for part in self._sections)
        body = "\n".join(part.html() for part in self._sections)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            f"<header><h1>{escape(self.title)}</h1><p>{escape(self.subtitle)}</p></header>\n"
            f"<nav>{links}</nav>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )


def _headings_and_cells(
    rows: pd.DataFrame | Rows, columns: Sequence[str] | None
) -> tuple[Sequence[str], Rows]:
    if isinstance(rows, pd.DataFrame):
        frame = rows.reset_index() if rows.index.name is not None else rows
        return [str(name) for name in frame.columns], [list(row) for row in frame.itertuples(index=False)]
    return columns or [], rows


def _table(
    headings: Sequence[str], rows: Rows, *, caption: str, formats: Mapping[str, str], note: str
) -> str:
    numeric = [all(_is_number(row[place]) for row in rows) for place in range(len(headings))]
    head = "".join(_cell("th", name, is_number=right) for name, right in zip(headings, numeric, strict=True))
    body = "".join(
        "<tr>"
        + "".join(
            _cell("td", _shown(value, formats.get(name)), is_number=right)
            for value, name, right in zip(row, headings, numeric, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>{below}"
    )


def _cell(tag: str, text: str, *, is_number: bool) -> str:
    style = ' class="number"' if is_number else ""
    return f"<{tag}{style}>{escape(text)}</{tag}>"


def _is_number(value: Cell) -> bool:
    return value is None or (isinstance(value, NUMBERS) and not isinstance(value, bool))


def _shown(value: Cell, specification: str | None) -> str:
    if value is None:
        return MISSING
    if isinstance(value, NUMBERS) and not isinstance(value, bool):
        return shown_number(value.item() if isinstance(value, np.number) else value, specification)
    return str(value)
