"""An engine with a lake of known content, and clients of it in every role."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine.catalog import STATE
from brume.aws.engine.page_token import TOKEN, token_of
from brume.aws.wire.keys import Key
from tests.aws.serving import KEY, KEYS, client_of, serve_engine
from tests.components.records.kendra import plain_engine
from tests.components.records.overviews import lake_of

WARD = Key("AKIDWARD", "secret of the ward", KEY.account)
STUDY = Key("AKIDSTUDY", "secret of the study", KEY.account)
OFFICE = Key("AKIDOFFICE", "secret of the office", KEY.account)
NOBODY = Key("AKIDNOBODY", "secret of nobody", KEY.account)
# Each of an account of its own, which was shown no count yet.
READERS = [Key(f"AKIDREADER{number}", "secret of a reader", f"{number:012}") for number in range(4)]
ROLES = {
    **{key.access_key: {"role": "full"} for key in READERS},
    KEY.access_key: {"role": "full"},
    WARD.access_key: {"role": "clinician", "patients": ["p00", "p01"]},
    STUDY.access_key: {"role": "researcher", "patients": "all"},
    OFFICE.access_key: {"role": "steward"},
}


@dataclass(frozen=True)
class Served:
    """A running engine: its address and data folder."""

    url: str
    data: Path

    @functools.cache  # noqa: B019 - lives as long as its tests
    def client(self, key: Key = KEY) -> Any:
        """Return a client of the console's service."""
        return client_of(self.url, "brumerecords", key=key)

    def address(self, place: str = "", key: Key = KEY) -> str:
        """The address that opens the page for a key, once."""
        token = token_of((self.data / TOKEN).read_text(), key.access_key)
        return f"{self.url}/records/?token={token}&key={key.access_key}{place}"


@contextlib.contextmanager
def serve_lake(folder: Path) -> Iterator[Served]:
    """Serve the engine with the lake, as its program does."""
    lake_of(folder)
    (folder / "rights.json").write_text(json.dumps(ROLES))
    keys = [*KEYS.values(), WARD, STUDY, OFFICE, NOBODY, *READERS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRUME_RECORDS_LAKE", str(folder / "lake"))
        engine = plain_engine(folder, patch, access=str(folder / "rights.json"))
    with serve_engine(engine, keys={key.access_key: key for key in keys}) as url:
        credentials = folder / "data" / "credentials"
        credentials.write_text(
            "".join(
                f"[{key.access_key}]\naws_access_key_id = {key.access_key}\n"
                f"aws_secret_access_key = {key.secret}\naccount = {key.account}\n"
                for key in keys
            )
        )
        (folder / "data" / STATE).write_text(json.dumps({"url": url, "credentials": str(credentials)}))
        yield Served(url, folder / "data")
