"""A group of slides cut into tiles: files, rejects, and what a second run takes over."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from brume import storage
from brume.aws.client import client
from brume.slides.model import tiles
from brume.slides.model.grid import Tiling
from brume.slides.model.tiles import tile_group
from tests.components.slides.tiled import Source


def test_every_slide_of_a_group_is_a_file_or_a_reject_with_its_reason(group, tmp_path):
    files, rejects = tile_group(group, str(tmp_path / "out"), Tiling(224), workers=2)
    assert [Path(file).name.rsplit("-", 1)[0] for file in files] == ["good-1", "good-2"]
    reasons = {reject.item: reject.reason for reject in rejects}
    assert {reject.step for reject in rejects} == {"tiling"}
    assert sorted(reasons) == ["broken.svs", "cut.svs", "glass.svs"]
    assert "unreadable" in reasons["broken.svs"] and "unreadable" in reasons["cut.svs"]
    assert "no tissue" in reasons["glass.svs"]


def test_a_second_run_takes_what_is_done_and_other_parameters_do_not(group, tmp_path, monkeypatch):
    good = [one for one in group if one.slide.startswith("good")]
    out = str(tmp_path / "out")
    files, _ = tile_group(good, out, Tiling(224), workers=1)
    before = [Path(file).stat().st_mtime_ns for file in files]
    Path(files[1]).with_suffix(".json").unlink()  # as if killed just before the end
    again, _ = tile_group(good, out, Tiling(224), workers=1)
    assert again == files
    after = [Path(file).stat().st_mtime_ns for file in files]
    assert after[0] == before[0] and after[1] > before[1]

    def no_pool(*arguments, **named):
        raise AssertionError("there is nothing left to cut")

    monkeypatch.setattr(tiles.pool, "executor", no_pool)
    assert tile_group(good, out, Tiling(224))[0] == files
    for other in (Tiling(225), Tiling(224, jpeg_quality=80)):
        with pytest.raises(AssertionError):
            tile_group(good, out, other)
    changed = [Source(good[0].slide, good[0].patient, good[0].label, good[0].uri, version="2")]
    with pytest.raises(AssertionError):
        tile_group(changed, out, Tiling(224))


@pytest.fixture
def bucket(s3_server):
    with suppress(client("s3").exceptions.BucketAlreadyOwnedByYou):
        client("s3").create_bucket(Bucket="tiles")
    yield "s3://tiles"


def test_slides_of_an_object_store_are_cut_into_an_object_store(group, tmp_path, bucket):
    good = [one for one in group if one.slide.startswith("good")]
    local, _ = tile_group(good, str(tmp_path / "out"), Tiling(224))
    for one in good:
        storage.upload(Path(one.uri), f"{bucket}/slides/{one.slide}")
    remote = [replace(one, uri=f"{bucket}/slides/{one.slide}") for one in good]
    files, rejects = tile_group(remote, f"{bucket}/out", Tiling(224))
    assert rejects == []
    assert [storage.read_bytes(uri) for uri in files] == [Path(uri).read_bytes() for uri in local]
    assert len(storage.list_files(f"{bucket}/out")) == 4  # a file and its mark for each slide, nothing else


def test_no_slides_no_tiles(tmp_path):
    assert tile_group([], str(tmp_path), Tiling(224)) == ([], [])
