"""Audio as it comes in, pcm, flac or ogg-opus at any rate, to samples that are recognised.

FLAC and Ogg are decoded by FFmpeg's libraries (PyAV) while they arrive: a thread reads from a pipe in memory.
"""

from __future__ import annotations

import errno
import io
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from brume.captions.model.hypothesis import RATE, Samples

_CONTAINERS = {"flac": "flac", "ogg-opus": "ogg"}
_BLOCK = 5.0  # seconds of a file that are decoded, and recognised, at once


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

    def decode(self, data: bytes | None) -> Iterator[list[Samples]]:
        """Iterate the samples of each channel at RATE that are complete with this chunk, None at the end.

        Raises `AudioError` for a stream that ends within a sample.
        """
        if data is None:
            if self._rest:
                raise AudioError(
                    f"it ends with {len(self._rest)} bytes of a sample of {2 * self._channels}; pcm is 16 bit"
                )
            yield self._resampler.finish()
            return
        data = self._rest + data
        size = len(data) // (2 * self._channels) * 2 * self._channels
        self._rest = data[size:]
        values = np.frombuffer(data[:size], "<i2").astype(np.float32) / np.float32(32768)
        yield self._resampler.accept(values.reshape(-1, self._channels).T)

    def close(self) -> None:
        """Nothing is held."""


class Container:
    """FLAC or Ogg, decoded as its bytes arrive.

    The thread of the decoder waits for bytes, and while enough samples have not been taken: a small file may
    hold days of silence.
    """

    def __init__(self, encoding: str, rate: int, channels: int = 1) -> None:
        self._encoding, self._rate, self._channels = encoding, rate, channels
        self._changed = threading.Condition()
        self._pipe = _Pipe(self._changed)
        self._decoded: list[list[Samples]] = []
        self._error: Exception | None = None
        self._over = self._closed = False
        threading.Thread(target=self._run, daemon=True, name="captions-decoder").start()

    def decode(self, data: bytes | None) -> Iterator[list[Samples]]:
        """Iterate the samples of each channel at RATE that can be decoded with this chunk, None at the end.

        Waits for the decoder. Raises `AudioError`.
        """
        if data is None:
            self._pipe.end()
        else:
            self._pipe.write(data)
        while (rows := self._next()) is not None:
            yield rows

    def close(self) -> None:
        """End a stream that is not finished."""
        with self._changed:
            self._closed = True
            self._decoded = []
        self._pipe.drop()

    def _next(self) -> list[Samples] | None:
        """Return what has been decoded; None when that takes more bytes."""
        with self._changed:
            self._changed.wait_for(lambda: self._decoded or self._over or self._closed or self._pipe.dry)
            if self._closed:
                return None
            parts, self._decoded = self._decoded, []
            self._changed.notify_all()
        if parts:
            return [np.concatenate([part[index] for part in parts]) for index in range(self._channels)]
        if self._error is not None:
            raise self._error
        return None

    def _run(self) -> None:
        import av

        try:
            self._decode()
        except AudioError as error:
            self._error = error
        except (av.error.FFmpegError, IndexError, ValueError) as error:
            if self._pipe.written:
                self._error = AudioError(f"the audio is no {self._encoding}: {error}")
        except Exception as error:
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _decode(self) -> None:
        import av

        layout = "mono" if self._channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=RATE)
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
            if self._encoding == "flac" and stream.rate != self._rate:  # Opus is always decoded to 48 kHz
                raise AudioError(
                    f"the audio has {stream.rate} samples a second, and MediaSampleRateHertz is {self._rate}"
                )
            for frame in source.decode(stream):
                self._put(_join(resampler.resample(frame), self._channels))
            self._put(_join(resampler.resample(None), self._channels))

    def _put(self, rows: list[Samples]) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or sum(len(part[0]) for part in self._decoded) < _BLOCK * RATE
            )
            if self._closed:  # what is left of a small file may be days
                raise InterruptedError
            self._decoded.append(rows)
            self._changed.notify_all()


class _Pipe(io.RawIOBase):
    """Bytes that one thread writes and another reads, which waits for them."""

    def __init__(self, changed: threading.Condition) -> None:
        self._parts: deque[bytes] = deque()
        self._changed = changed
        self._ended = self._waited_for = False
        self.written = 0

    @property
    def dry(self) -> bool:
        """Whether the reader waits for bytes that have not been written."""
        return self._waited_for and not self._parts and not self._ended

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        with self._changed:
            self._parts.append(bytes(data))
            self.written += len(data)
            self._changed.notify_all()
        return len(data)

    def end(self) -> None:
        """Let the reader come to the end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def drop(self) -> None:
        """Let the reader come to the end now, without what it has not read."""
        with self._changed:
            self._parts.clear()
            self._ended = True
            self._changed.notify_all()

    def read(self, size: int = -1) -> bytes:
        with self._changed:
            self._waited_for = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._parts or self._ended)
            self._waited_for = False
            if not self._parts:
                return b""
            part = self._parts.popleft()
            if 0 <= size < len(part):
                self._parts.appendleft(part[size:])
                part = part[:size]
            return part


def decoder(encoding: str, rate: int, channels: int = 1) -> Pcm | Container:
    """Return what decodes a stream of this encoding (pcm, flac, ogg-opus) and rate (Hz)."""
    return Pcm(rate, channels) if encoding == "pcm" else Container(encoding, rate, channels)


@dataclass
class Source:
    """What is known of an audio file once it has been read: `samples` at RATE, and how it was stored."""

    samples: int = 0
    rate: int = 0  # Hz
    kind: str = ""  # a MediaFormat of Transcribe


# Containers that hold their audio themselves: playlists and the like name other files, and addresses.
_FILES = {"format_whitelist": "aac,amr,amrnb,amrwb,flac,matroska,mov,mp3,ogg,wav", "protocol_whitelist": ""}
_KINDS = {"mov": "mp4", "matroska": "webm"}  # the first of FFmpeg's names: what AWS calls it
_MEDIA = ("mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a")


def _refuse(address: str, flags: int, options: dict[str, str]) -> Any:
    """Refuse to open what a file names."""
    raise AudioError("the audio names another file, which is not read")


def blocks(read: Callable[[], Any], source: Source, *, separate: bool = False) -> Iterator[list[Samples]]:
    """Iterate the samples of a whole audio file that FFmpeg knows, some seconds at a time.

    `read` returns an open binary file; `source` gets to know what it is. The channels are mixed, or with
    `separate` apart (the file then has two). Raises `AudioError`.
    """
    import av

    try:
        with read() as file, av.open(file, mode="r", options=_FILES, io_open=_refuse) as container:
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
    except av.error.EOFError as error:
        raise AudioError("the audio cannot be decoded: it ends before it has begun") from error
    except (av.error.FFmpegError, OSError) as error:
        if error.errno == errno.EINVAL:  # FFmpeg knows no such file, or looked before its start
            known = "WAV, FLAC, MP3, MP4, AAC, Ogg, WebM or AMR"
            raise AudioError(f"the audio cannot be decoded: it is not {known}") from error
        if isinstance(error, av.error.FFmpegError):
            raise AudioError(f"the audio cannot be decoded: {error.strerror}") from error
        raise
