"""Pictures of the page for the documentation: a search in light colours, a note in dark ones.

    python -m tests.components.records.screenshots docs

writes docs/records-light.png and docs/records-dark.png, of the notes that the demo invents.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brume.records import demo
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make
from tests.components.conftest import Tab, browser, visit
from tests.components.records.kendra import document
from tests.components.records.pages import FIELDS, serve_pages

QUESTION = "high blood pressure"
SIZE = {"width": 1180, "height": 860}


def notes(folder: Path) -> Iterator[dict[str, Any]]:
    """Iterate the notes of the demo as documents."""
    demo.generate(folder / "demo", patients=24)
    lake = Lake(str(folder / "lake"))
    ingest.run(str(folder / "demo" / demo.EXPORT), lake, processes=1)
    make(lake)
    with lake.connect() as connection:
        rows = connection.sql("SELECT * FROM notes ORDER BY id").to_arrow_table().to_pylist()
    for row in rows:
        attributes = {name: {"StringValue": row[name]} for name in FIELDS if row[name]}
        if row["date"]:
            date = datetime.fromisoformat(row["date"])
            attributes["_created_at"] = {"DateValue": date if date.tzinfo else date.replace(tzinfo=UTC)}
        yield document(row["id"], row["text"], Title=row["title"] or row["kind"], attributes=attributes)


def ask(tab: Tab) -> None:
    """Ask the question."""
    tab.until("!!document.getElementById('query')")
    tab.value("document.getElementById('query').focus()")
    tab.send("Input.insertText", text=QUESTION)
    tab.click("form.ask .primary")
    tab.until("!!document.querySelector('.hit') && !!document.getElementById('who').innerText")


def main() -> int:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, browser(Path(name) / "profile") as found:
        root = Path(name)
        with serve_pages(root, documents=list(notes(root)), mentions="local") as pages:
            for dark in (False, True):
                tab = visit(found, pages.address(), dark=dark, **SIZE)
                ask(tab)
                if dark:
                    tab.click(".hit h2 a")
                    tab.until("!!document.querySelector('.entity[aria-pressed=true]')")
                    frames = "requestAnimationFrame(() => requestAnimationFrame(done))"
                    tab.value(f"new Promise((done) => {frames}).then(() => 0)")
                path = options.folder / f"records-{'dark' if dark else 'light'}.png"
                path.write_bytes(tab.screenshot())
                print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
