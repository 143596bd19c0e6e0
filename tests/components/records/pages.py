"""What the tests of the console share: an engine with notes of known content, and its page."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine.catalog import STATE
from brume.aws.engine.page_token import TOKEN, token_of
from tests.aws.serving import KEY, OTHER, client_of, serve_engine
from tests.components.records.kendra import document, field, make_index, plain_engine, put

EVIL = "<img src=x onerror=alert(1)> essential hypertension"
NOTES = {
    "pressure": ("p-1", "Progress note", 2020, "# Assessment\nEssential hypertension since 2018 😀.\n"
                 "# Plan\nStart lisinopril 10 mg oral tablet daily."),
    "none": ("p-2", "Progress note", 2021, "# Assessment\nNo essential hypertension. Sprained ankle."),
    "family": ("p-3", "History and physical", 2022, "# Family History\nMother: essential hypertension."),
    "dialysis": ("p-4", "Discharge summary", 2019, "# Plan\nRenal dialysis three times a week, N18.6."),
    "evil": ("p-5", "Progress note", 2022, f"# Assessment\n{EVIL} in a patient of 50."),
}  # fmt: skip
"""Notes by id: patient, kind, year of the date, text."""
ASTHMA = 12
"""Further notes, of patient p-9: asthma-0 and so on."""


@dataclass(frozen=True)
class Pages:
    """An engine that runs: its address, data folder, index, and clients of its services."""

    url: str
    data: Path
    index: str
    console: Any  # a client of brumerecords
    kendra: Any

    def address(self, place: str = "", key: str = "") -> str:
        """The address that opens the page, once."""
        token = (self.data / TOKEN).read_text()
        query = f"?token={token_of(token, key)}" + (f"&key={key}" if key else "")
        return f"{self.url}/records/{query}{place}"


@contextlib.contextmanager
def serve_pages(folder: Path, *, access: str = "") -> Iterator[Pages]:
    """Serve the engine as its program does, with the notes; `access` is a file of rights."""
    with pytest.MonkeyPatch.context() as patch:
        engine = plain_engine(folder, patch, access=access)
        with serve_engine(engine) as url:
            data = folder / "data"
            keys = data / "credentials"
            keys.write_text(
                "".join(
                    f"[{name}]\naws_access_key_id = {key.access_key}\naws_secret_access_key = {key.secret}\n"
                    f"account = {KEY.account}\n"
                    for name, key in (("default", KEY), ("other", OTHER))
                )
            )
            (data / STATE).write_text(json.dumps({"url": url, "credentials": str(keys)}))
            kendra = client_of(url, "kendra")
            index = make_index(
                kendra,
                *(field(name) for name in ("patient", "kind", "status", "author")),
                field("_created_at", "DATE_VALUE"),
            )
            put(kendra, index, _documents())
            yield Pages(url, data, index, client_of(url, "brumerecords"), kendra)


def _documents() -> list[dict[str, Any]]:
    asthma = {
        f"asthma-{number}": ("p-9", "Progress note", 2010 + number, f"# Assessment\nAsthma, visit {number}.")
        for number in range(ASTHMA)
    }
    return [
        document(
            identity,
            text,
            Title=f"{kind} of {year}",
            attributes={
                "patient": {"StringValue": patient},
                "kind": {"StringValue": kind},
                "status": {"StringValue": "final"},
                "author": {"StringValue": "Dr. Okafor"},
                "_created_at": {"DateValue": datetime(year, 5, 17, tzinfo=UTC)},
            },
        )
        for identity, (patient, kind, year, text) in {**NOTES, **asthma}.items()
    ]
