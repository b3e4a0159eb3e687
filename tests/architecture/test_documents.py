"""Documents point at things that exist: files, headings, settings, pictures that parse."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from consumer.settings import CONFIG_VARIABLE, TOOL_PREFIXES, Settings, variable_of

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SETTING = re.compile(r"\bUPSWELL_[A-Z_]*[A-Z]\b(?!_|…)")


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    headings = HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_in_the_document_leads_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in link]
    dead = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_setting_named_in_the_document_is_one(document: Path) -> None:
    known = {variable_of(key) for key in Settings.model_fields} | {CONFIG_VARIABLE}
    named = {
        name
        for name in SETTING.findall(document.read_text(encoding="utf-8"))
        if not name.startswith(TOOL_PREFIXES)
    }
    assert named <= known


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda path: path.name)
def test_every_picture_is_well_formed_and_says_what_it_shows(picture: Path) -> None:
    root = ET.parse(picture).getroot()
    words = [root.findtext(f"{{http://www.w3.org/2000/svg}}{tag}") for tag in ("title", "desc")]
    assert all(words)


def test_the_list_of_decisions_names_every_record() -> None:
    folder = ROOT / "docs" / "adr"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    assert records == set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
