"""Audio files, as other programs hear them: where the marks are, with chapters and cover."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from brume.narration.model.site import covers
from brume.narration.model.site.audio_files import FORMATS, Tags, write_audio
from brume.narration.model.timeline import Chapter

RATE = 24000
SECONDS = 67.5
CLICKS = (0.7, 5.25, 60.125, 66.9)
CHAPTERS = [Chapter("Größe & <Ende>", 0.0), Chapter("Second", 4.5), Chapter("Third", 59.9996)]


def clicks() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Short tones at known times."""
    samples = np.zeros(int(SECONDS * RATE))
    for begins in CLICKS:
        start = int(begins * RATE)
        samples[start : start + 2400] = 12000 * np.sin(2 * np.pi * 600 * np.arange(2400) / RATE)
    return samples.astype(np.int16)


@pytest.fixture(scope="module", params=FORMATS)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind = FORMATS[request.param]
    path = tmp_path_factory.mktemp("audio") / kind.path
    write(path, request.param)
    return path


def write(path: Path, name: str) -> None:
    cover = covers.jpeg(covers.made("El año", "Site"), 300)
    tags = Tags("El año", "Ann", "Site", "2024-05-01T10:00:00", "es", CHAPTERS, SECONDS, cover)
    samples = clicks()
    pieces = [samples[start : start + 7001] for start in range(0, len(samples), 7001)]
    write_audio(path, FORMATS[name], pieces, RATE, tags)


def test_what_is_heard_is_where_the_marks_are(file: Path) -> None:
    with av.open(str(file)) as source:
        stream = source.streams.audio[0]
        rate = stream.rate
        heard = np.concatenate([frame.to_ndarray()[0] for frame in source.decode(stream)]).astype(float)
    heard = heard[:: stream.channels] if len(heard) > 1.5 * SECONDS * rate else heard
    assert len(heard) / rate == pytest.approx(SECONDS, abs=0.001)
    loud = np.flatnonzero(np.abs(heard) > 0.3 * np.abs(heard).max())
    starts = [loud[0], *loud[1:][np.diff(loud) > rate // 2]]
    assert [start / rate for start in starts] == pytest.approx(CLICKS, abs=0.005)


def test_chapters_names_and_cover(file: Path) -> None:
    with av.open(str(file)) as source:
        found = {**source.metadata, **source.streams.audio[0].metadata}
        assert {name: found[name] for name in ("title", "artist", "album", "date", "language")} == {
            "title": "El año",
            "artist": "Ann",
            "album": "Site",
            "date": "2024-05-01",
            "language": "es",
        }
        chapters = [
            (one["metadata"]["title"], float(one["start"] * one["time_base"])) for one in source.chapters()
        ]
        assert [title for title, _ in chapters] == [one.title for one in CHAPTERS]
        assert [start for _, start in chapters] == pytest.approx([one.begins for one in CHAPTERS], abs=0.001)
        picture = source.streams.video[0]
        assert (picture.codec_context.name, picture.width) == ("mjpeg", 300)


def test_the_same_sound_is_the_same_file(file: Path, tmp_path: Path) -> None:
    again = tmp_path / file.name
    write(again, "mp3" if file.suffix == ".mp3" else "opus")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()


def test_another_program_reads_the_chapters_of_mp3(tmp_path: Path) -> None:
    program = shutil.which("mutagen-inspect") or Path(__import__("sys").executable).with_name(
        "mutagen-inspect"
    )
    if not Path(program).exists():
        pytest.skip("mutagen-inspect is not installed")
    write(tmp_path / "a.mp3", "mp3")
    shown = subprocess.run([program, tmp_path / "a.mp3"], capture_output=True, text=True, check=True).stdout
    assert shown.count("CHAP=") == 3 and shown.count("CTOC=") == 1 and "APIC=" in shown


def test_ffprobe_reads_the_files(file: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    words = ["ffprobe", "-v", "error", "-show_chapters", "-show_format", "-of", "json", str(file)]
    found = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    assert len(found["chapters"]) == 3
    assert float(found["format"]["duration"]) == pytest.approx(SECONDS, abs=0.1)


def test_a_cover_of_the_users_is_cut_to_a_square(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (900, 300), (200, 30, 30)).save(tmp_path / "wide.png")
    picture = covers.read((tmp_path / "wide.png").read_bytes())
    assert picture.size == (covers.SIDE, covers.SIDE)
    with pytest.raises(ValueError, match="it is no picture"):
        covers.read(b"no picture")
