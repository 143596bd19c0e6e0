"""An index of three notes, and a folder that stands for a bucket of its owner's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.serving import client_of, serve_engine
from tests.components.records.kendra import (
    allowed,
    document,
    field,
    make_index,
    plain_engine,
    put,
)
from tests.components.records.owner_files import BUCKET


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="package")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        engine = plain_engine(
            tmp_path_factory.mktemp("kendra"), patch, folders={f"s3://{BUCKET}/": str(folder)}
        )
    with serve_engine(engine) as url:
        yield client_of(url, "kendra")


@pytest.fixture(scope="package")
def notes(client: Any) -> str:
    """Make an index with three notes, which the tests leave as they are."""
    index = make_index(client, field("ward"), field("tags", "STRING_LIST_VALUE"), field("year", "LONG_VALUE"))
    put(
        client,
        index,
        [
            document("dialysis", "Renal dialysis three times a week.", Title="Plan"),
            document("asthma", "Asthma since childhood.", attributes={"ward": {"StringValue": "lungs"}}),
            document("pressure", "Essential hypertension.", AccessControlList=allowed("ann")),
        ],
    )
    return index
