"""Slides that cannot be used are rejects; what cannot be reached is an error."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from brume import storage
from brume.run.rejects import Reject
from brume.slides.model.grid import Tiling
from brume.slides.model.tiles import TilingError, tile_group
from tests.components.slides.tiled import Source


class Killer:
    """A slide whose worker is killed as it looks at it, as the system does when memory is out."""

    slide, patient, label, uri, given_mpp = "killer.svs", "p", "luad", "killer.svs", 0.0

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

    slide, patient, label, uri, given_mpp = "failing.svs", "p", "luad", "failing.svs", 0.0

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
from tests.components.slides.tiled import source
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
