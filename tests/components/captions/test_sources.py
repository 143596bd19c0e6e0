"""Audio and known texts are found, and what cannot be used is set aside with its reason."""

from __future__ import annotations

import json
import math
import struct
import wave
from pathlib import Path

import pytest

from brume import storage
from brume.captions.pipeline import sources


def write_tone(path: Path, seconds: float = 1.0, rate: int = 8000) -> None:
    """Write a recording of a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = (int(9000 * math.sin(number / 5)) for number in range(int(seconds * rate)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", value) for value in values))


def test_files_are_decoded_and_a_folder_names_their_language(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    write_tone(tmp_path / "es-US" / "b.WAV", 2)
    write_tone(tmp_path / "talks" / "c.wav")
    (tmp_path / "notes.txt").write_text("no audio")
    found = sources.find(str(tmp_path), "en-US,es-US")
    assert [(clip.name, clip.language, round(clip.seconds, 2)) for clip in found.clips] == [
        ("a.wav", "en-US,es-US", 1.0),
        ("es-US/b.WAV", "es-US", 2.0),
        ("talks/c.wav", "en-US,es-US", 1.0),
    ]
    assert not found.rejects
    sources.write(found.clips, str(tmp_path / "clips.json"))
    assert sources.read_list(str(tmp_path / "clips.json")) == found.clips


def test_what_cannot_be_decoded_is_set_aside(tmp_path: Path) -> None:
    write_tone(tmp_path / "good.wav")
    write_tone(tmp_path / "short.wav", 0.01)
    (tmp_path / "page.mp3").write_text("<html>not found</html>")
    (tmp_path / "empty.flac").write_bytes(b"")
    found = sources.find(str(tmp_path), "en-US")
    assert [clip.name for clip in found.clips] == ["good.wav"]
    assert {reject.item for reject in found.rejects} == {"short.wav", "page.mp3", "empty.flac"}
    assert all(reject.reason and reject.remedy for reject in found.rejects)


def test_texts_lie_beside_the_audio_or_in_a_table_or_elsewhere(tmp_path: Path) -> None:
    audio, texts = tmp_path / "audio", tmp_path / "texts"
    for name in ("a.wav", "sub/b.wav", "c.wav"):
        write_tone(audio / name)
    clips = sources.find(str(audio), "en-US").clips
    (audio / "a.txt").write_text("\ufeffbeside it\n", encoding="utf-8")
    (audio / "c.txt").write_bytes("señor".encode("latin-1"))
    (audio / "transcripts.json").write_text(json.dumps({"b.wav": "in the table"}))
    found, rejects = sources.references(clips, str(audio), "")
    assert found == {"a.wav": "beside it", "sub/b.wav": "in the table"}
    assert [(Path(one.item).name, one.reason) for one in rejects] == [("c.txt", "the text is not UTF-8")]

    (texts / "sub").mkdir(parents=True)
    (texts / "sub" / "b.txt").write_text("in a folder of its own")
    assert sources.references(clips, str(audio), str(texts))[0] == {"sub/b.wav": "in a folder of its own"}
    table = texts / "known.json"
    table.write_text(json.dumps({"sub/b.wav": "by its path", "b.wav": "by its name"}))
    assert sources.references(clips, str(audio), str(table))[0] == {"sub/b.wav": "by its path"}
    table.write_text('["a"]')
    with pytest.raises(ValueError, match=r"known.json must be one object"):
        sources.references(clips, str(audio), str(table))


def test_one_file_is_audio_too(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_text("its text")
    (clip,) = sources.find(str(tmp_path / "a.wav"), "en-US").clips
    assert (clip.name, clip.uri) == ("a.wav", str(tmp_path / "a.wav"))
    assert sources.references([clip], clip.uri, "")[0] == {"a.wav": "its text"}


def test_a_store_that_cannot_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(storage.StorageError, match="AWS_ENDPOINT_URL_S3"):
        sources.find("s3://recordings/today", "en-US")
