"""A drawn figure with the words that belong to it: title, what it shows, caption, and the name of its file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure as PNG; `name` is its file without suffix, `is_half` lets two stand beside each other."""

    name: str
    png: bytes
    title: str
    alt: str
    caption: str = ""
    is_half: bool = False


def file_name(*parts: str) -> str:
    """Return a name that every file system takes.

    Examples
    --------
    >>> file_name("distribution", "Customer Key (No.)")
    'distribution_Customer_Key_No'
    """
    return "_".join(re.sub(r"\W+", "_", part).strip("_") for part in parts)


def write_pictures(pictures: Iterable[Picture], folder: Path) -> list[str]:
    """Write each picture as `<name>.png` into the folder, and return the file names.

    Two columns whose names differ only in signs get one file each: the later one is numbered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[str] = []
    for picture in pictures:
        name = f"{picture.name}.png"
        if name in written:
            name = f"{picture.name}_{len(written)}.png"
        (folder / name).write_bytes(picture.png)
        written.append(name)
    return written
