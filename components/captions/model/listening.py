"""Audio of a pipe while it comes: a container that its first bytes name, or else pcm."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from brume.captions.model.audio import AudioError, Pcm
from brume.captions.model.hypothesis import RATE, Samples

STEP, LONGEST_STEP = 0.25, 2.0  # seconds that are recognised at once, and of a pipe that is ahead
_AHEAD = 5.0  # seconds that are read before they are recognised
_STREAMED = {b"RIFF": "wav", b"RF64": "wav", b"fLaC": "flac", b"OggS": "ogg", b"\x1aE\xdf\xa3": "matroska"}
_FILES = {b"ID3": "MP3", b"ftyp": "MP4"}  # by what is in their first eight bytes


class Pipe:
    """Reads a pipe in a thread, and gives what has come: more at once when recognition is behind."""

    def __init__(self, descriptor: int, rate: int) -> None:
        """`descriptor` is an open file's, `rate` (Hz) that of pcm."""
        self._queue: queue.Queue[Samples | Exception | None] = queue.Queue(int(_AHEAD / STEP))
        self._file, self._rate = io.FileIO(descriptor, closefd=False), rate
        self.kind = ""  # how the audio is stored, once some has come
        threading.Thread(target=self._read, daemon=True, name="captions-pipe").start()

    def pieces(self, stopped: Callable[[], bool]) -> Iterator[Samples]:
        """Iterate samples at RATE until the pipe ends or `stopped`. Raises `AudioError`, `OSError`."""
        while not stopped():
            try:
                item = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            parts: list[Samples] = []
            while isinstance(item, np.ndarray):
                parts.append(item)
                if sum(map(len, parts)) >= LONGEST_STEP * RATE or self._queue.empty():
                    break
                item = self._queue.get()
            if parts:
                yield np.concatenate(parts)
            if isinstance(item, Exception):
                raise item
            if item is None:
                return

    def _read(self) -> None:
        waiting = np.zeros(0, np.float32)
        try:
            for samples in self._decoded():
                waiting = np.concatenate([waiting, samples])
                for piece in steps(waiting[: len(waiting) - len(waiting) % int(STEP * RATE)]):
                    self._queue.put(piece)
                waiting = waiting[len(waiting) - len(waiting) % int(STEP * RATE) :]
            if len(waiting):
                self._queue.put(waiting)
            self._queue.put(None)
        except (AudioError, OSError) as error:
            self._queue.put(error)

    def _decoded(self) -> Iterator[Samples]:
        first = b""
        while len(first) < 8 and (more := self._file.read(8 - len(first))):
            first += more
        for mark, name in _FILES.items():
            if mark in first:
                raise AudioError(
                    f"it is {name}, which is read from a file alone: name the file in place of -"
                )
        self.kind = _STREAMED.get(first[:4], "pcm")
        file = _Begun(first, self._file)
        return self._pcm(file) if self.kind == "pcm" else self._container(file)

    def _pcm(self, file: _Begun) -> Iterator[Samples]:
        pcm = Pcm(self._rate)
        ended = False
        while not ended:
            data = file.read(1 << 16)
            ended = not data
            for (samples,) in pcm.decode(data or None):
                yield samples

    def _container(self, file: _Begun) -> Iterator[Samples]:
        import av

        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        known = {"probesize": "1024", "analyzeduration": "0"}  # the first samples are wanted at once
        try:
            with av.open(file, mode="r", format=self.kind, buffer_size=1024, options=known) as source:
                if not source.streams.audio:
                    raise AudioError("it holds no audio")
                for frame in source.decode(source.streams.audio[0]):
                    yield from _samples(resampler.resample(frame))
                yield from _samples(resampler.resample(None))
        except av.error.FFmpegError as error:
            raise AudioError(f"it begins as {self.kind} and cannot be decoded: {error}") from error


def _samples(frames: list[Any]) -> Iterator[Samples]:
    for frame in frames:
        yield np.ascontiguousarray(frame.to_ndarray()[0], np.float32)


def steps(samples: Samples) -> Iterator[Samples]:
    """Iterate samples in pieces of STEP seconds; the last may be shorter."""
    size = int(STEP * RATE)
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


class _Begun(io.RawIOBase):
    """A pipe of which some bytes were read already."""

    def __init__(self, first: bytes, file: io.RawIOBase) -> None:
        self._first, self._file = first, file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._first:
            found, self._first = self._first[:size], self._first[size:]
            return found
        return self._file.read(size) or b""
