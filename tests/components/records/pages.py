"""What the tests of the console share: an engine with notes of known content, and its page."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine.catalog import STATE
from brume.aws.engine.page_token import TOKEN, token_of
from brume.aws.wire.keys import Key
from tests.aws.serving import KEY, client_of, serve_engine
from tests.components.records.kendra import document, field, make_index, plain_engine, put

FIELDS = ("patient", "kind", "status", "author")
"""Attributes of the notes, as the pipeline gives them; the date is _created_at."""
WARD = Key("AKIDWARD", "secret of the ward", KEY.account)
STUDY = Key("AKIDSTUDY", "secret of the study", KEY.account)
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
def serve_pages(
    folder: Path,
    *,
    access: str = "",
    lake: str = "",
    folders: Mapping[str, str] | None = None,
    documents: Sequence[Mapping[str, Any]] = (),
    mentions: str = "none",
    database: str = "",
) -> Iterator[Pages]:
    """Serve the engine as its program does, with the notes above or others; `access` is a file of rights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRUME_RECORDS_LAKE", lake)
        engine = plain_engine(
            folder, patch, access=access, folders=folders, mentions=mentions, database=database
        )
    with serve_engine(engine, keys={key.access_key: key for key in (KEY, WARD, STUDY)}) as url:
        data = folder / "data"
        keys = data / "credentials"
        keys.write_text(
            "".join(
                f"[{name}]\naws_access_key_id = {key.access_key}\naws_secret_access_key = {key.secret}\n"
                f"account = {KEY.account}\n"
                for name, key in (("default", KEY), ("ward", WARD), ("study", STUDY))
            )
        )
        state = {"name": "records", "url": url, "pid": 1, "services": [], "credentials": str(keys)}
        (data / STATE).write_text(json.dumps(state))
        kendra = client_of(url, "kendra")
        index = make_index(
            kendra,
            *map(field, FIELDS),
            field("_created_at", "DATE_VALUE"),
        )
        put(kendra, index, documents or _documents())
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
                "author": {"StringValue": "Dr. Okwuosa"},
                "_created_at": {"DateValue": datetime(year, 5, 17, tzinfo=UTC)},
            },
        )
        for identity, (patient, kind, year, text) in {**NOTES, **asthma}.items()
    ]
