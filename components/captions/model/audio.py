"""Audio as it comes in, pcm, flac or ogg-opus at any rate, to samples that are recognised.

FLAC and Ogg are decoded by FFmpeg's libraries (PyAV) while they arrive: a thread reads from a pipe in memory.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from brume.captions.model.hypothesis import RATE, Samples

_CONTAINERS = {"flac": "flac", "ogg-opus": "ogg"}
_BLOCK = 5.0  # seconds of a file that are recognised at once
ENCODINGS = ("pcm", *_CONTAINERS)


class AudioError(ValueError):
    """Audio that cannot be decoded; the message says why."""


def _rows(channels: int) -> list[Samples]:
    return [np.zeros(0, np.float32) for _ in range(channels)]


class Resampler:
    """Changes the rate of a stream and its type to float; `channels` stay apart."""

    def __init__(self, rate: int, channels: int) -> None:
        import av

        self._channels = channels
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate = rate
        self._resampler = (
            None if rate == RATE else av.AudioResampler(format="fltp", layout=self._layout, rate=RATE)
        )

    def accept(self, data: np.ndarray[Any, np.dtype[np.float32]]) -> list[Samples]:
        """Take samples [channels, samples]; return those of each channel at RATE."""
        if self._resampler is None:
            return [np.ascontiguousarray(row) for row in data]
        if not data.shape[1]:
            return _rows(self._channels)
        import av

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        return _join(self._resampler.resample(frame), self._channels)

    def finish(self) -> list[Samples]:
        """Return what the filter still holds."""
        if self._resampler is None:
            return _rows(self._channels)
        return _join(self._resampler.resample(None), self._channels)


def _join(frames: list[Any], channels: int) -> list[Samples]:
    parts = [frame.to_ndarray() for frame in frames]
    if not parts:
        return _rows(channels)
    return [np.ascontiguousarray(row, np.float32) for row in np.concatenate(parts, axis=1)]


class Pcm:
    """Signed 16 bit little-endian samples, channels interleaved; a chunk may end within a sample."""

    def __init__(self, rate: int, channels: int = 1) -> None:
        self._channels = channels
        self._resampler = Resampler(rate, channels)
        self._rest = b""

    def accept(self, data: bytes) -> list[Samples]:
        """Return the samples of each channel at RATE that are complete with this chunk."""
        data = self._rest + data
        size = len(data) // (2 * self._channels) * 2 * self._channels
        self._rest = data[size:]
        values = np.frombuffer(data[:size], "<i2").astype(np.float32) / np.float32(32768)
        return self._resampler.accept(values.reshape(-1, self._channels).T)

    def finish(self) -> list[Samples]:
        """Take the end of the stream; return the last samples. Raises `AudioError` for half a sample."""
        if self._rest:
            raise AudioError(
                f"it ends with {len(self._rest)} bytes of a sample of {2 * self._channels}; pcm is 16 bit"
            )
        return self._resampler.finish()

    def close(self) -> None:
        """Nothing is held."""


class Container:
    """FLAC or Ogg, decoded as its bytes arrive."""

    def __init__(self, encoding: str, channels: int = 1) -> None:
        self._pipe = _Pipe()
        self._encoding, self._channels = encoding, channels
        self._lock = threading.Lock()
        self._decoded: list[list[Samples]] = []
        self._error: AudioError | None = None
        self._thread = threading.Thread(target=self._decode, daemon=True, name="captions-decoder")
        self._thread.start()

    def accept(self, data: bytes) -> list[Samples]:
        """Return the samples of each channel at RATE that were decoded so far. Raises `AudioError`."""
        self._pipe.write(data)
        return self._take()

    def finish(self) -> list[Samples]:
        """Take the end of the stream; return the last samples. Raises `AudioError`."""
        self._pipe.end()
        self._thread.join()
        return self._take()

    def close(self) -> None:
        """End a stream that is not finished."""
        self._pipe.end()

    def _take(self) -> list[Samples]:
        with self._lock:
            parts, self._decoded = self._decoded, []
            error = self._error
        if error is not None:
            raise error
        if not parts:
            return _rows(self._channels)
        return [np.concatenate([part[index] for part in parts]) for index in range(self._channels)]

    def _decode(self) -> None:
        import av

        layout = "mono" if self._channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=RATE)
        try:
            with av.open(
                self._pipe,
                mode="r",
                format=_CONTAINERS[self._encoding],
                buffer_size=1024,
                options={"probesize": "1024", "analyzeduration": "0"},  # the first samples are wanted at once
            ) as source:
                stream = source.streams.audio[0]
                if not stream.channels:
                    raise AudioError(f"the audio is no {self._encoding}: it does not begin as such")
                if stream.channels != self._channels:
                    raise AudioError(
                        f"the audio has {stream.channels} channels, and NumberOfChannels is {self._channels}"
                    )
                for frame in source.decode(stream):
                    self._put(_join(resampler.resample(frame), self._channels))
                self._put(_join(resampler.resample(None), self._channels))
        except AudioError as error:
            self._fail(error)
        except (av.error.FFmpegError, IndexError) as error:
            if self._pipe.written:
                self._fail(AudioError(f"the audio is no {self._encoding}: {error}"))

    def _put(self, rows: list[Samples]) -> None:
        with self._lock:
            self._decoded.append(rows)

    def _fail(self, error: AudioError) -> None:
        with self._lock:
            self._error = error
        self._pipe.end()


class _Pipe(io.RawIOBase):
    """Bytes that one thread writes and another reads, which waits for them."""

    def __init__(self) -> None:
        self._parts: deque[bytes] = deque()
        self._ready = threading.Condition()
        self._ended = False
        self.written = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        with self._ready:
            self._parts.append(bytes(data))
            self.written += len(data)
            self._ready.notify_all()
        return len(data)

    def end(self) -> None:
        """Let the reader come to the end."""
        with self._ready:
            self._ended = True
            self._ready.notify_all()

    def read(self, size: int = -1) -> bytes:
        with self._ready:
            self._ready.wait_for(lambda: self._parts or self._ended)
            if not self._parts:
                return b""
            part = self._parts.popleft()
            if 0 <= size < len(part):
                self._parts.appendleft(part[size:])
                part = part[:size]
            return part


def decoder(encoding: str, rate: int, channels: int = 1) -> Pcm | Container:
    """Return what decodes a stream of this encoding (one of ENCODINGS) and rate (Hz)."""
    return Pcm(rate, channels) if encoding == "pcm" else Container(encoding, channels)


@dataclass
class Source:
    """What is known of an audio file once it has been read: `samples` at RATE, and how it was stored."""

    samples: int = 0
    rate: int = 0  # Hz
    kind: str = ""  # a MediaFormat of Transcribe


_KINDS = {"mov": "mp4", "matroska": "webm"}  # the first of FFmpeg's names: what AWS calls it
_MEDIA = ("mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a")


def blocks(read: Callable[[], Any], source: Source, *, separate: bool = False) -> Iterator[list[Samples]]:
    """Iterate the samples of a whole audio file that FFmpeg knows, some seconds at a time.

    `read` returns an open binary file; `source` gets to know what it is. The channels are mixed, or with
    `separate` apart (the file then has two). Raises `AudioError`.
    """
    import av

    try:
        with read() as file, av.open(file, mode="r") as container:
            if not container.streams.audio:
                raise AudioError("the file holds no audio")
            stream = container.streams.audio[0]
            source.rate = int(stream.rate)
            name = container.format.name.partition(",")[0]
            kind = _KINDS.get(name, name)
            source.kind = kind if kind in _MEDIA else ""
            if separate and stream.channels != 2:
                raise AudioError(
                    f"ChannelIdentification needs a file of two channels; this one has {stream.channels}"
                )
            count = 2 if separate else 1
            resampler = av.AudioResampler(format="fltp", layout="stereo" if separate else "mono", rate=RATE)
            waiting: list[Any] = []
            size = 0
            for frame in container.decode(stream):
                waiting += resampler.resample(frame)
                size += frame.samples
                if size >= _BLOCK * source.rate:
                    rows, waiting, size = _join(waiting, count), [], 0
                    source.samples += len(rows[0])
                    yield rows
            rows = _join([*waiting, *resampler.resample(None)], count)
            source.samples += len(rows[0])
            yield rows
    except av.error.FFmpegError as error:
        raise AudioError(f"the audio cannot be decoded: {error}") from error
