"""Cues as files: WebVTT, SubRip, TTML (IMSC 1 text profile), and live WebVTT segments of HLS.

Sources: W3C WebVTT; W3C TTML Profiles for Internet Media Subtitles and Captions 1.2; RFC 8216, 3.5.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from brume.captions.model.cues import Cue

FORMATS = ("vtt", "srt", "ttml")
SEGMENT = 6  # seconds of an HLS segment


def _clock(seconds: float, point: str = ".") -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def write(cues: Iterable[Cue], kind: str, *, language: str = "en", first: int = 1) -> str:
    """Return a file of cues; `kind` is one of FORMATS, `first` the number of the first cue."""
    if kind == "vtt":
        return "WEBVTT\n\n" + "".join(vtt_cue(cue, first - 1) for cue in cues)
    if kind == "srt":
        return "".join(
            f"{cue.number + first - 1}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
            + "\n".join(cue.lines)
            + "\n\n"
            for cue in cues
        )
    body = "".join(
        f'      <p xml:id="c{cue.number + first - 1}" begin="{_clock(cue.start)}" end="{_clock(cue.end)}">'
        + "<br/>".join(html.escape(line, quote=False) for line in cue.lines)
        + "</p>\n"
        for cue in cues
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"\n'
        '    xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang="'
        + html.escape(language)
        + '" ttp:timeBase="media"\n'
        '    ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.2/text">\n'
        "  <head>\n    <layout>\n"
        '      <region xml:id="bottom" tts:origin="10% 75%" tts:extent="80% 20%" tts:displayAlign="after"\n'
        '          tts:textAlign="center"/>\n'
        '    </layout>\n  </head>\n  <body>\n    <div region="bottom">\n'
        f"{body}    </div>\n  </body>\n</tt>\n"
    )


def vtt_cue(cue: Cue, offset: int = 0) -> str:
    """Return one cue as WebVTT has it, with a blank line after it."""
    lines = "\n".join(html.escape(line, quote=False) for line in cue.lines)
    return f"{cue.number + offset}\n{_clock(cue.start)} --> {_clock(cue.end)}\n{lines}\n\n"


def hls_segment(cues: Iterable[Cue], number: int) -> str:
    """Return the WebVTT segment `number` (from 0) of a live stream.

    A cue that is shown in two segments stands in both, with the same number and times: players show it once.
    """
    start, end = number * SEGMENT, (number + 1) * SEGMENT
    inside = (cue for cue in cues if cue.start < end and cue.end > start)
    return "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n" + "".join(vtt_cue(cue) for cue in inside)


def hls_segments(cues: Sequence[Cue], heard: float, *, ended: bool) -> int:
    """Return how many segments are complete when the stream is known up to `heard` seconds.

    A segment is complete when no cue that begins in it can follow: cues come in the order of their start.
    """
    if ended:
        return max(math.ceil(max([heard, *(cue.end for cue in cues)]) / SEGMENT), 1)
    return math.floor(cues[-1].start / SEGMENT) if cues else 0


def hls_playlist(count: int, *, ended: bool, window: int = 0) -> str:
    """Return the playlist of `count` segments, of the last `window` only if that is not 0."""
    first = max(count - window, 0) if window and not ended else 0
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        f"#EXT-X-TARGETDURATION:{SEGMENT}",
        f"#EXT-X-MEDIA-SEQUENCE:{first}",
    ]
    for number in range(first, count):
        lines += [f"#EXTINF:{SEGMENT:.3f},", f"{number}.vtt"]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else [])]) + "\n"
