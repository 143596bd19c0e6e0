"""`brume captions` as a program, on files, pipes and a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.components.captions.engines import Scripted, require_models
from tests.components.captions.speech import SILENCE, encoded, spoken, word_errors
from tests.polling import gone, until

SCRIPT = Scripted()
SCRIPTED = [sys.executable, "-m", "tests.components.captions.scripted_command", "captions"]
REAL = [sys.executable, "-m", "brume.pipelines.cli", "captions"]


def run(*words: str, data: bytes = b"", program: list[str] = SCRIPTED) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*program, *words], input=data, capture_output=True, timeout=300, check=False)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextlib.contextmanager
def going(*words: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program with standard input open, and end it after."""
    with subprocess.Popen([*SCRIPTED, *words], stdin=subprocess.PIPE, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_file_is_printed_line_by_line_and_written_as_subtitles(tmp_path: Path) -> None:
    sound = tmp_path / "talk.mp3"
    sound.write_bytes(encoded(SILENCE * 3, "mp3"))
    files = [tmp_path / f"talk.{kind}" for kind in ("vtt", "srt", "ttml")]
    done = run(str(sound), *(word for file in files for word in ("--vtt", str(file))), "--language", "es-US")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines() == ["one two, three four."] * 3
    for file in files:
        assert "three four." in file.read_text()
    assert files[0].read_text().startswith("WEBVTT\n") and 'xml:lang="es-US"' in files[2].read_text()


@pytest.mark.parametrize("kind", ["pcm", "wav", "flac", "ogg-opus"])
def test_a_pipe_is_printed_while_it_comes(kind: str) -> None:
    noise = random.Random(1).randbytes(4 * len(SILENCE))  # silence is a few bytes of flac
    data = noise if kind == "pcm" else encoded(noise, kind)
    if kind == "wav":  # as a program writes it that does not know how long it will be
        data = data[:4] + b"\xff" * 4 + data[8:].replace(b"data" + data[40:44], b"data" + b"\xff" * 4, 1)
    with going("-", stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(data)
        process.stdin.flush()
        first = process.stdout.readline()  # the pipe is open still
        assert first == b"one two, three four.\n"
        process.stdin.close()
        assert process.wait(120) == 0
        assert (first + process.stdout.read()).decode() == "one two, three four.\n" * 4


def test_a_pipe_of_stereo_at_another_rate_is_one_stream() -> None:
    done = run("-", data=encoded(bytes(4 * 44100 * 2), "wav", 44100, channels=2))
    assert done.stdout.splitlines() == ["one two, three four."] * 2, done.stderr


def test_an_interrupt_ends_it_with_what_was_heard(tmp_path: Path) -> None:
    file = tmp_path / "live.vtt"
    with going("-", "--vtt", str(file), "--hls", str(tmp_path / "hls"), stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(SILENCE + SILENCE[: len(SILENCE) // 2])
        process.stdin.flush()
        assert process.stdout.readline() == b"one two, three four.\n"
        playlist = tmp_path / "hls" / "captions.m3u8"
        assert "#EXT-X-ENDLIST" not in playlist.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
        assert process.stdout.read() in (b"one two,\n", b"one\n", b"")
    assert "one two, three four." in file.read_text()
    assert "#EXT-X-ENDLIST" in playlist.read_text()
    assert "one two, three four." in (playlist.parent / "0.vtt").read_text()


def test_a_terminal_shows_what_may_change_in_place_and_a_pipe_does_not(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    shown = b""
    with going("-", "--live", "--level", "high", stdout=theirs) as process:
        os.close(theirs)
        assert process.stdin

        def see(text: bytes) -> bool:
            nonlocal shown
            shown += os.read(ours, 1 << 16)
            return text in shown

        process.stdin.write(SILENCE[: 3 * len(SILENCE) // 4])
        process.stdin.flush()
        until(lambda: see(b"\x1b[4m"))
        process.stdin.write(SILENCE[len(SILENCE) // 4 :])
        process.stdin.close()
        with contextlib.suppress(OSError):  # what Linux gives at the end of a terminal
            until(lambda: see(b"no such text"))
        until(lambda: gone(process.pid))
    os.close(ours)
    assert b"one two, three four.\r\n" in shown
    assert shown.count(b"\n") == 2  # a line for each final result, the last of one word to three
    sound = tmp_path / "talk.wav"
    sound.write_bytes(encoded(SILENCE, "wav"))
    assert run(str(sound), "--live").stdout == "one two, three four.\n"


@pytest.mark.parametrize(
    ("words", "data", "message"),
    [
        (["-"], b"", "standard input: there is no audio in it"),
        (["-"], b"\0\0\0", "standard input: it ends with 1 bytes"),
        (["-"], b"ID3\x04" + bytes(100), "is read from a file alone"),
        (["-"], b"fLaC" + bytes(5000), "it begins as flac and cannot be decoded"),
        (["pyproject.toml"], b"", "pyproject.toml: the audio cannot be decoded: it is not WAV"),
        (["-", "--vtt", "talk.txt"], b"", "must end in .vtt, .srt or .ttml"),
        (["-", "--language", "xx-XX"], SILENCE, "does not know xx"),
        (["-", "--vtt", "absent/talk.vtt"], b"", "--vtt absent/talk.vtt: there is no folder absent"),
    ],
)
def test_wrong_input_is_named(words: list[str], data: bytes, message: str) -> None:
    done = run(*words, data=data)
    assert done.returncode in (1, 2) and message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_is_no_audio() -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run([*SCRIPTED, "-"], stdin=theirs, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2 and "standard input is a terminal" in done.stderr


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with going("-", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(SILENCE)
        process.stdin.flush()
        assert process.stdout.readline()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(SILENCE * 2)
            process.stdin.close()
        assert process.wait(120) == 1
        assert process.stderr.read() == b""


@pytest.mark.slow
def test_real_speech_from_a_pipe() -> None:
    require_models()
    text = "The meeting begins at nine in the morning. Please bring the report with you."
    done = run("-", "--level", "high", data=encoded(spoken(text) + SILENCE, "wav"), program=REAL)
    assert word_errors(text, done.stdout) <= 0.2, done.stderr
    silent = run("-", data=SILENCE * 3, program=REAL)
    assert silent.stdout == "" and "no speech was found in 3.0 s" in silent.stderr
