"""Live WebVTT captions of HLS: segments in a folder, and the playlist that lists the complete ones.

Source: RFC 8216, 3.5 (WebVTT), 4 (playlists) and 6.2 (what a server may change).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from brume import storage
from brume.captions.model.cues import Cue
from brume.captions.model.subtitles import vtt_cue

SEGMENT = 6  # seconds
PLAYLIST = "captions.m3u8"
_HEAD = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n"


class HlsFolder:
    """Writes the captions of one stream into a folder while it goes on.

    A segment is written once, when no cue that begins in it can come any more, and listed after that. A cue
    that is shown in two segments stands in both, with the same number and times: players show it once.
    """

    def __init__(self, folder: Path) -> None:
        """Begin an empty playlist. Raises `OSError` for a folder that cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._cues: list[Cue] = []  # that a segment still to come shows
        self._count = 0  # segments that are complete
        self._list(ended=False)

    def accept(self, cues: Iterable[Cue], settled: float) -> None:
        """Take the next cues; none to come begins before `settled` seconds. Raises `OSError`."""
        self._cues += cues
        complete = math.floor(settled / SEGMENT)
        if complete > self._count:
            self._write(complete)
            self._list(ended=False)

    def finish(self, cues: Iterable[Cue], seconds: float) -> None:
        """Take the last cues of a stream of so many seconds, and end the playlist. Raises `OSError`."""
        self._cues += cues
        ends = max([seconds, *(cue.end for cue in self._cues)])
        self._write(max(math.ceil(ends / SEGMENT), self._count, 1))
        self._list(ended=True)

    def _write(self, complete: int) -> None:
        for number in range(self._count, complete):
            start, end = number * SEGMENT, (number + 1) * SEGMENT
            shown = "".join(vtt_cue(cue) for cue in self._cues if cue.start < end and cue.end > start)
            storage.write_bytes(str(self._folder / f"{number}.vtt"), (_HEAD + shown).encode())
            self._cues = [cue for cue in self._cues if cue.end > end]
        self._count = complete

    def _list(self, *, ended: bool) -> None:
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT}", "#EXT-X-MEDIA-SEQUENCE:0"]
        lines += ["#EXT-X-PLAYLIST-TYPE:EVENT"]  # segments are only ever added
        for number in range(self._count):
            lines += [f"#EXTINF:{SEGMENT:.3f},", f"{number}.vtt"]
        lines += ["#EXT-X-ENDLIST"] if ended else []
        storage.write_bytes(str(self._folder / PLAYLIST), ("\n".join(lines) + "\n").encode())
