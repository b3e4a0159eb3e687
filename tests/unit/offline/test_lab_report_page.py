"""Pages: everything escaped, everything inside; figures: the same data, the same bytes."""

from __future__ import annotations

from html.parser import HTMLParser

import matplotlib as mpl
import pandas as pd

from offline.reporting.figures import PALETTE, drawn, labelled, save_figure
from offline.reporting.page import Report
from offline.reporting.picture import Picture, write_pictures

EVIL = '<img src=x onerror="alert(1)"> & more'


class Tags(HTMLParser):
    """Collects the tags of a page, and fails on one that is closed and was not opened."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def small_figure() -> bytes:
    with drawn(width_in=2, height_in=1) as figure:
        axes = figure.subplots()
        axes.bar([0, 1], [2, 3], color=PALETTE[0])
        labelled(axes, "Calls", x="calls a year", y="customers")
        return save_figure(figure, None)


def test_every_text_of_a_page_is_escaped_and_every_tag_closed() -> None:
    report = Report(EVIL, EVIL)
    section = report.section(EVIL).subheading(EVIL).paragraph(EVIL).sentences([EVIL])
    section.table([[EVIL, 1]], caption=EVIL, columns=[EVIL, "n"], note=EVIL)
    section.figure(b"png", title=EVIL, alt=EVIL, caption=EVIL)
    page = report.html()
    assert "<img src=x" not in page
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.seen.count("img") == 1
    assert "script" not in tags.seen


def test_numbers_stand_to_the_right_with_thousands_separators_and_missing_ones_as_a_dash() -> None:
    frame = pd.DataFrame(
        {"limit": [34574.242424, None], "n": [1000, 2]}, index=pd.Index(["a", "b"], name="who")
    )
    page = Report("t").section("s").table(frame, caption="c", formats={"n": ",d"}).html()
    assert '<td class="number">34,574.2</td><td class="number">1,000</td>' in page
    assert '<td class="number">–</td>' in page
    assert "<td>a</td>" in page


def test_the_same_data_give_the_same_bytes_and_no_style_is_left_behind() -> None:
    before = dict(mpl.rcParams)
    assert small_figure() == small_figure()
    assert dict(mpl.rcParams) == before


def test_pictures_whose_names_differ_in_signs_only_get_a_file_each(tmp_path) -> None:  # type: ignore[no-untyped-def]
    picture = Picture(name="limit", png=b"1", title="t", alt="a")
    assert write_pictures([picture, picture], tmp_path) == ["limit.png", "limit_1.png"]
