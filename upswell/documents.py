"""Write the generated pages and schemas under `docs/`: `python -m upswell.documents`.

A test holds the committed files to what is generated here, so forgetting to run it is noticed.
"""

from __future__ import annotations

from pathlib import Path

import typer

from consumer.vocabulary.dead_letters import dead_letters_page
from consumer.vocabulary.reasons import reason_codes_page
from consumer.vocabulary.schemas import schema_files
from upswell.configuration_page import configuration_page

DOCS = Path(__file__).parents[1] / "docs"


def generated_documents() -> dict[str, str]:
    """Return path under `docs/` → text of every page and schema that this module generates."""
    schemas = {f"schemas/{name}": text for name, text in schema_files().items()}
    pages = {
        "dead-letters.md": dead_letters_page(),
        "reason-codes.md": reason_codes_page(),
        "configuration.md": configuration_page(),
    }
    return {**schemas, **pages}


def write_documents(docs: Path = DOCS) -> None:
    """Write all of them, and say which."""
    for name, text in generated_documents().items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        typer.echo(f"docs/{name}")


if __name__ == "__main__":
    write_documents()
