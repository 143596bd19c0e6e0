"""HealthLake with a data store of two patients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.serving import KEYS, client_of, serve_engine
from tests.components.records import healthlake as hl
from tests.components.records.two_patients import ABOUT, PEOPLE, RIGHTS, STUDY, WARD


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("healthlake")


@pytest.fixture(scope="package")
def url(root: Path) -> Iterator[str]:
    (root / "rights.json").write_text(json.dumps(RIGHTS))
    keys = {key.access_key: key for key in (*KEYS.values(), WARD, STUDY)}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("BRUME_RECORDS_EMBEDDINGS", "none")
        monkeypatch.setenv("BRUME_RECORDS_ACCESS", str(root / "rights.json"))
        engine = hl.make_engine(root)
    with serve_engine(engine, keys=keys) as made:
        yield made


@pytest.fixture(scope="package")
def boto(url: str) -> Any:
    return client_of(url, "healthlake")


@pytest.fixture(scope="package")
def people(boto: Any, root: Path) -> str:
    """A data store with two patients and what is about them."""
    hl.write(root / "inputs/people/Patient-0.ndjson", PEOPLE)
    hl.write(root / "inputs/people/all.ndjson", ABOUT)
    made = hl.make_datastore(boto, DatastoreName="people")
    assert (
        hl.imported(boto, made, hl.start_import(boto, made, "s3://inputs/people"))["JobStatus"] == "COMPLETED"
    )
    return made
