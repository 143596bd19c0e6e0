import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from brume import storage
from brume.aws.client import client
from brume.run.rejects import Reject
from brume.slides.demo.generator import paint_slide
from brume.slides.demo.painter import GLASS, mosaic, write_slide
from brume.slides.model import tiles
from brume.slides.model.grid import Tiling, plan, read_tiles
from brume.slides.model.reader import SlideError, open_slide
from brume.slides.model.records import decode, read
from brume.slides.model.slide_tiles import tile_slide
from brume.slides.model.tiles import TilingError, tile_group


@dataclass(frozen=True)
class Source:
    slide: str
    patient: str
    label: str
    uri: str
    version: str = "1"


def source(path):
    return Source(path.name, path.stem[:4], "luad", str(path))


@pytest.fixture(scope="module")
def tissue():
    """1200 x 1500 pixels of tissue to the edges."""
    rng, stain = np.random.default_rng(7), np.random.default_rng(8)
    painted = paint_slide("lusc", 4000, 4000, rng, stain)(1200, 2400)
    return np.ascontiguousarray(painted[:, 1000:2500])


@pytest.fixture(scope="module")
def slide(tissue, tmp_path_factory):
    path = tmp_path_factory.mktemp("slide") / "a.svs"
    write_slide(path, tissue, mpp=0.5, levels=(4,))
    return path


def cut(path, out, tiling):
    result = tile_slide(path, out, slide="a.svs", patient="p1", label="luad", tiling=tiling)
    with out.open("rb") as stream:
        found = [decode(record) for record in read(stream, out.name)]
    assert result.tiles == len(found) and result.bytes == sum(len(tile.image) for tile in found)
    return found


def test_each_tile_of_the_grid_is_written_once_and_the_partial_edge_is_dropped(slide, tmp_path):
    found = cut(slide, tmp_path / "t.tfrecord", Tiling(224, max_background=1))
    places = [(tile.x, tile.y) for tile in found]
    assert places == [(x, y) for y in range(0, 1200 - 223, 224) for x in range(0, 1500 - 223, 224)]
    assert {(tile.label, tile.slide, tile.patient, tile.level, tile.span) for tile in found} == {
        ("luad", "a.svs", "p1", 0, 224)
    }
    assert {tile.mpp for tile in found} == {0.5}


def test_tiles_are_jpeg_of_the_pixels_at_their_position(slide, tissue, tmp_path):
    """The original stored float32 pixels: 602,112 bytes for such a tile."""
    for tile in cut(slide, tmp_path / "t.tfrecord", Tiling(224, max_background=1)):
        height, width, colours, subsampling = simplejpeg.decode_jpeg_header(tile.image)
        assert (height, width, colours, subsampling) == (tile.height, tile.width, "YCbCr", "420")
        there = tissue[tile.y : tile.y + 224, tile.x : tile.x + 224].astype(int)
        assert np.abs(simplejpeg.decode_jpeg(tile.image) - there).mean() < 8
        assert len(tile.image) < 224 * 224 * 3 * 4 / 10


@settings(max_examples=30, deadline=None)
@given(mpp=st.one_of(st.none(), st.floats(0.2, 6)), size=st.integers(16, 300), source_mpp=st.floats(0.1, 1.5))
def test_any_resolution_can_be_asked_of_any_slide(slide, mpp, size, source_mpp):
    """The original compared magnifications for equality: a 25x slide gave no tile."""
    with open_slide(slide) as opened:
        opened.mpp = source_mpp
        tiling = Tiling(size, mpp=mpp, max_background=1)
        step = size * (mpp or source_mpp) / source_mpp
        if step > 1200 * 1.01:
            with pytest.raises(SlideError, match="smaller than one tile"):
                plan(opened, tiling)
            return
        if step > 1200 * 0.99:
            return  # within what is taken as it is, either way
        chosen = plan(opened, tiling)
        assert chosen.mpp == pytest.approx(mpp or source_mpp, rel=0.011)
        assert chosen.span == pytest.approx(step, rel=0.011, abs=0.51)
        across, down = 1 + max(column for column, _ in chosen.cells), 1 + max(row for _, row in chosen.cells)
        assert chosen.cells == tuple((column, row) for row in range(down) for column in range(across))
        for _, pixels in read_tiles(opened, plan(opened, tiling)):
            assert pixels.shape == (size, size, 3) and pixels.dtype == np.uint8
            break


def test_resampled_tiles_show_what_is_at_their_position(tissue, tmp_path):
    """Bright squares on a dark slide, one in each tile's corner, at a scale that falls between pixels."""
    image = np.full((1300, 1300, 3), (110, 75, 150), np.uint8)
    scale = 1.37
    for row in range(9):
        for column in range(9):
            x, y = round(column * 100 * scale), round(row * 100 * scale)
            image[y : y + 30, x : x + 30] = (240, 60, 120)
    write_slide(tmp_path / "a.svs", image, mpp=0.5, levels=(), quality=95)
    tiling = Tiling(100, mpp=0.5 * scale, max_background=1)
    found = cut(tmp_path / "a.svs", tmp_path / "t.tfrecord", tiling)
    assert len(found) == 81 and {tile.span for tile in found} == {137}
    for tile in found:
        pixels = simplejpeg.decode_jpeg(tile.image).astype(int)
        assert pixels[3:18, 3:18, 0].min() > 200 and pixels[28:96, 28:96, 0].max() < 160
        assert (tile.x, tile.y) == (round(tile.x / 137) * 137, round(tile.y / 137) * 137)


def test_a_coarser_level_is_used_when_it_is_near_enough(slide, tmp_path):
    assert {tile.level for tile in cut(slide, tmp_path / "t", Tiling(64, mpp=2.01, max_background=1))} == {1}
    assert {tile.level for tile in cut(slide, tmp_path / "t", Tiling(64, mpp=2.4, max_background=1))} == {1}
    assert {tile.level for tile in cut(slide, tmp_path / "t", Tiling(64, mpp=1.9, max_background=1))} == {0}


def test_a_slide_without_mpp(tissue, tmp_path):
    write_slide(tmp_path / "a.svs", tissue, mpp=None)
    assert {tile.mpp for tile in cut(tmp_path / "a.svs", tmp_path / "t", Tiling(224))} == {0.0}
    with pytest.raises(SlideError, match="assume_mpp"):
        cut(tmp_path / "a.svs", tmp_path / "u", Tiling(224, mpp=1.0))
    assumed = cut(tmp_path / "a.svs", tmp_path / "v", Tiling(224, mpp=1.0, assume_mpp=0.5))
    assert {(tile.mpp, tile.span) for tile in assumed} == {(1.0, 448)}
    assert not (tmp_path / "u").exists()


@pytest.mark.parametrize("method", ["otsu", "saturation", "grey"])
def test_a_slide_without_tissue_is_an_error_not_a_hang(method, tmp_path):
    """The original drew tiles until it had enough: on an empty slide it never did."""
    write_slide(tmp_path / "glass.svs", np.full((900, 900, 3), GLASS, np.uint8))
    with pytest.raises(SlideError, match="no tissue"):
        cut(tmp_path / "glass.svs", tmp_path / "t", Tiling(224, tissue=method))
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("method", ["otsu", "saturation", "grey"])
def test_tiles_of_glass_are_dropped(method, tissue, tmp_path):
    whole = mosaic([tissue[:224, :224], tissue[224:448, :224], tissue[448:672, 224:448]])
    write_slide(tmp_path / "a.svs", whole)
    found = cut(tmp_path / "a.svs", tmp_path / "t", Tiling(224, tissue=method))
    assert [(tile.x, tile.y) for tile in found] == [(224, 224), (448, 224), (224, 448)]


@pytest.mark.parametrize(
    ("name", "size", "count"), [("cmu", 512, 6), ("tcga", 512, 34), ("cmu", 224, 45), ("tcga", 224, 188)]
)
def test_the_rule_of_the_original_on_real_slides(real_data, tmp_path, name, size, count):
    names = {"cmu": "cmu-1-small-region.svs", "tcga": "tcga-cr-7395-01a-01-ts1.svs"}
    path = real_data(f"slides/{names[name]}")
    assert len(cut(path, tmp_path / "t", Tiling(size, tissue="grey"))) == count


def test_the_mask_finds_the_same_tissue_on_real_slides(real_data, tmp_path):
    for name, count in (("cmu-1-small-region.svs", 45), ("tcga-cr-7395-01a-01-ts1.svs", 188)):
        path = real_data(f"slides/{name}")
        for method in ("otsu", "saturation"):
            assert abs(len(cut(path, tmp_path / "t", Tiling(224, tissue=method))) - count) <= 5


@pytest.mark.parametrize(
    "wrong",
    [{"tile_size": 0}, {"mpp": 0.0}, {"assume_mpp": -1.0}, {"max_background": 1.5}, {"jpeg_quality": 0}],
)
def test_parameters_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tiling(**wrong)


@pytest.fixture
def group(tissue, slide, tmp_path):
    """Two good slides, and one of each kind that cannot be used."""
    folder = tmp_path / "slides"
    folder.mkdir()
    shutil.copy(slide, folder / "good-1.svs")
    write_slide(folder / "good-2.svs", tissue[:700], source_tile=256, rgb=True)
    write_slide(folder / "glass.svs", np.full((600, 600, 3), GLASS, np.uint8))
    (folder / "broken.svs").write_bytes(b"no slide at all")
    whole = slide.read_bytes()
    (folder / "cut.svs").write_bytes(whole[: len(whole) * 2 // 3])
    return [source(path) for path in sorted(folder.iterdir())]


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


class Killer:
    """A slide whose worker is killed as it looks at it, as the system does when memory is out."""

    slide, patient, label, uri = "killer.svs", "p", "luad", "killer.svs"

    def __init__(self, parent):
        self.parent = parent

    @property
    def version(self):
        if os.getpid() != self.parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return "1"


def test_a_killed_worker_is_a_reject_and_the_other_slides_are_cut(group, tmp_path):
    good = [one for one in group if one.slide.startswith("good")]
    slides = [good[0], Killer(os.getpid()), good[1]]
    files, rejects = tile_group(slides, str(tmp_path / "out"), Tiling(224), workers=2)
    assert len(files) == 2
    assert [reject.item for reject in rejects] == ["killer.svs"] and "killed" in rejects[0].reason


def test_an_unforeseen_error_is_a_reject_with_its_kind(tmp_path):
    gone = Source("gone.svs", "p", "luad", str(tmp_path / "gone.svs"))
    files, rejects = tile_group([gone], str(tmp_path / "out"), Tiling(224))
    assert files == [] and rejects == [Reject("gone.svs", "tiling", rejects[0].reason)]
    assert "FileNotFoundError" in rejects[0].reason


class Failing:
    """A slide whose worker meets an error of the system."""

    slide, patient, label, uri = "failing.svs", "p", "luad", "failing.svs"

    def __init__(self, error):
        self.parent, self.error = os.getpid(), error

    @property
    def version(self):
        if os.getpid() != self.parent:
            raise self.error
        return "1"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.EIO, "Input/output error"),
        storage.StorageError("s3://tiles/a.svs: the object store answered SlowDown"),
        MemoryError("no memory"),
    ],
    ids=lambda error: f"{type(error).__name__}-{getattr(error, 'errno', None)}",
)
def test_what_cannot_be_reached_is_an_error_and_never_a_reject(error, group, tmp_path):
    """Such slides were rejects of a finished stage: they were missing for good."""
    out = str(tmp_path / "out")
    good = [one for one in group if one.slide == "good-1.svs"]
    with pytest.raises(TilingError, match=r"failing\.svs.*run again"):
        tile_group([*good, Failing(error)], out, Tiling(224), workers=1)
    files, rejects = tile_group(good, out, Tiling(224), workers=1)  # the cause is removed: the stage resumes
    assert len(files) == 1 and rejects == []


def test_an_error_of_a_decoder_is_a_reject(tmp_path):
    _, rejects = tile_group([Failing(OSError("image file is truncated"))], str(tmp_path), Tiling(224))
    assert "truncated" in rejects[0].reason


PROGRAM = """
import resource, sys
from pathlib import Path
from brume.slides.model.grid import Tiling
from brume.slides.model.tiles import TilingError, tile_group
from tests.components.slides.test_tiles import source
if __name__ == "__main__":
    if sys.argv[3] == "disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        print("done", tile_group([source(Path(sys.argv[1]))], sys.argv[2], Tiling(224)))
    except TilingError as error:
        print("error", error)
"""


def tile_in_another_process(path, out, kind, *before):
    program = Path(out).parent / "program.py"
    program.write_text(PROGRAM)
    run = subprocess.run(
        [*before, sys.executable, str(program), str(path), str(out), kind],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_disk_that_takes_no_more_is_an_error(slide, tmp_path):
    """The system's limit on a file's size replaces a full disk: the same write fails."""
    assert "error slide a.svs" in tile_in_another_process(slide, tmp_path / "out", "disk")
    assert not list((tmp_path / "out").glob("*"))  # nothing of it is left
    assert "done" in tile_in_another_process(slide, tmp_path / "out", "")


def test_a_slide_that_may_not_be_read_is_an_error(slide, tmp_path):
    """OpenSlide calls such a file unsupported, as it calls a text."""
    closed = shutil.copy(slide, tmp_path / "closed.svs")
    Path(closed).chmod(0)
    # The superuser may read everything until it gives the right up.
    rights = "-dac_override,-dac_read_search"
    before = ["setpriv", "--bounding-set", rights, "--inh-caps", rights] if os.getuid() == 0 else []
    printed = tile_in_another_process(closed, tmp_path / "out", "", *before)
    assert "error slide closed.svs" in printed and "Permission denied" in printed
    Path(closed).chmod(0o600)
    assert "done" in tile_in_another_process(closed, tmp_path / "out", "", *before)


def test_a_store_that_does_not_answer_is_an_error(tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and nothing listens there
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{unused.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        away = Source("a.svs", "p", "luad", "s3://slides/a.svs")
        with pytest.raises(TilingError, match="AWS_ENDPOINT_URL_S3"):
            tile_group([away], str(tmp_path / "out"), Tiling(224))


def test_a_slide_whose_folder_was_deleted_is_an_error(tmp_path):
    """A disk that is not mounted is no reason to set all its slides aside."""
    away = Source("a.svs", "p", "luad", str(tmp_path / "unmounted" / "a.svs"))
    with pytest.raises(TilingError, match="is the disk mounted"):
        tile_group([away], str(tmp_path / "out"), Tiling(224))


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


@pytest.mark.slow
def test_memory_stays_bounded_on_a_wide_slide(tissue, tmp_path):
    """Rows as long as those of a slide of 40,000 x 30,000: memory grows with the row, not with the rows."""

    def paint(top, bottom):
        rows = tissue[np.arange(top, bottom) % len(tissue)]
        return np.tile(rows, (1, 27, 1))[:, :40_000]

    write_slide(tmp_path / "wide.svs", paint, size=(40_000, 3_000))
    code = (
        "import sys; from pathlib import Path; "
        "from brume.slides.model.slide_tiles import Tiling, tile_slide; "
        "result = tile_slide(Path(sys.argv[1]), Path(sys.argv[2]), slide='s', patient='p', label='l', "
        # Not ru_maxrss: a process starts with the peak of the one that forked it.
        "tiling=Tiling(512)); status = Path('/proc/self/status').read_text(); "
        "print(result.tiles, status.split('VmHWM:')[1].split()[0])"
    )
    arguments = [str(tmp_path / "wide.svs"), str(tmp_path / "t")]
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    count, kilobytes = map(int, run.stdout.split())
    assert count == 78 * 5
    assert kilobytes < 400_000
