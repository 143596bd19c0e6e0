"""Cues as files: WebVTT, SubRip and TTML (IMSC 1.2 text profile).

Sources: W3C WebVTT; W3C TTML Profiles for Internet Media Subtitles and Captions 1.2.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from brume.captions.model.cues import Cue

FORMATS = ("vtt", "srt", "ttml")
# What no XML document may hold (XML 1.0, 2.2), nor any caption.
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def _clock(seconds: float, point: str = ".") -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _lines(cue: Cue) -> list[str]:
    return [_NO_TEXT.sub(" ", line) for line in cue.lines]


def write(cues: Iterable[Cue], kind: str, *, language: str = "en", first: int = 1) -> str:
    """Return a file of cues.

    `kind` is one of FORMATS, `language` a tag of BCP 47 ("es-US"), `first` the number of the first cue.
    """
    if kind == "vtt":
        return "WEBVTT\n\n" + "".join(vtt_cue(cue, first - 1) for cue in cues)
    if kind == "srt":
        return "".join(
            f"{cue.number + first - 1}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
            + "\n".join(line.replace("-->", "->") for line in _lines(cue))
            + "\n\n"
            for cue in cues
        )
    body = "".join(
        f'      <p xml:id="c{cue.number + first - 1}" begin="{_clock(cue.start)}" end="{_clock(cue.end)}">'
        + "<br/>".join(html.escape(line, quote=False) for line in _lines(cue))
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
    lines = "\n".join(html.escape(line, quote=False) for line in _lines(cue))
    return f"{cue.number + offset}\n{_clock(cue.start)} --> {_clock(cue.end)}\n{lines}\n\n"
