"""Slides of several files arrive with all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from brume import storage
from brume.slides.model.slide_files import fetch


@pytest.fixture(scope="module")
def bucket(s3_server: str) -> Iterator[str]:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="files")
    names = (
        "a.mrxs",
        "a/Slidedat.ini",
        "a/Data0000.dat",
        "a.svs",
        "series/1.dcm",
        "series/2.dcm",
        "series/x/3.dcm",
    )
    for name in names:
        storage.write_bytes(f"s3://files/{name}", name.encode())
    yield "s3://files"


@pytest.mark.parametrize(
    ("slide", "files"),
    [
        ("a.mrxs", {"a.mrxs", "a/Slidedat.ini", "a/Data0000.dat"}),
        ("a.svs", {"a.svs"}),
        ("series/1.dcm", {"1.dcm", "2.dcm"}),
    ],
)
def test_a_slide_is_fetched_with_its_files(bucket: str, tmp_path: Path, slide: str, files: set[str]) -> None:
    path = fetch(f"{bucket}/{slide}", tmp_path)
    assert path.read_bytes() == slide.encode()
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == files


def test_a_local_slide_stays_where_it_is(tmp_path: Path) -> None:
    slide = tmp_path / "in" / "a.mrxs"
    slide.parent.mkdir()
    slide.touch()
    assert fetch(str(slide), tmp_path / "scratch") == slide
    assert not (tmp_path / "scratch").exists()
