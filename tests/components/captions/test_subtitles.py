"""Files of cues, read by other programs' parsers: ttconv (W3C formats, SubRip) and m3u8."""

from __future__ import annotations

import io
import re
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from brume.captions.model.cues import Cue, Cues, cues_of
from brume.captions.model.hls import PLAYLIST, SEGMENT, HlsFolder
from brume.captions.model.items import Item
from brume.captions.model.subtitles import FORMATS, write
from tests.components.captions.test_cues import spoken_items, streams

_Read = list[tuple[float, float, list[str]]]
ODD = ["a --> b", "<i>& co</i>", "{\\an8}x", "WEBVTT", "NOTE this", "1", "é ñ 中 😀", "bell\x07", "a\nb"]
_IMSC_TIME = re.compile(r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}")
_TT = "{http://www.w3.org/ns/ttml}"


def read(text: str, kind: str) -> _Read:
    """Return start, end and lines of each cue, as ttconv reads them."""
    import ttconv.imsc.reader
    import ttconv.srt.reader
    import ttconv.vtt.reader
    from ttconv.model import P

    if kind == "ttml":
        document = ttconv.imsc.reader.to_model(ET.ElementTree(ET.fromstring(text)))
    elif kind == "srt":
        document = ttconv.srt.reader.to_model(io.StringIO(text))
    else:
        document = ttconv.vtt.reader.to_model(io.StringIO(text))
    assert document is not None
    found: _Read = []
    for body in [document.get_body()] if document.get_body() is not None else []:
        for element in body.dfs_iterator():
            if isinstance(element, P):
                begin, end = float(element.get_begin() or 0), float(element.get_end())
                found.append((round(begin, 3), round(end, 3), _lines(element)))
    return found


def _lines(paragraph: Any) -> list[str]:
    from ttconv.model import Br, Text

    lines = [""]
    for element in paragraph.dfs_iterator():
        if isinstance(element, Br):
            lines.append("")
        elif isinstance(element, Text):
            lines[-1] += element.get_text()
    return lines


def expected(cues: list[Cue]) -> _Read:
    return [(cue.start, cue.end, list(cue.lines)) for cue in cues]


@settings(max_examples=50)
@given(streams())
def test_other_parsers_read_what_was_written(items: list[Item]) -> None:
    cues = cues_of([items])
    for kind in FORMATS:
        assert read(write(cues, kind, language="es-US"), kind) == expected(cues), kind


def test_text_that_means_something_to_a_format_stays_text() -> None:
    items = [Item(text, 3.0 * index, 3.0 * index + 1, True) for index, text in enumerate(ODD)]
    cues = cues_of([items])
    clean = [[line.replace("\x07", " ").replace("\n", " ") for line in cue.lines] for cue in cues]
    for kind in ("vtt", "ttml"):
        assert [lines for _, _, lines in read(write(cues, kind), kind)] == clean
    # SubRip has no way to write its arrow, and players take tags for tags.
    assert write(cues, "srt").count(" --> ") == len(cues)


def test_ttml_keeps_the_rules_of_imsc_text_profile() -> None:
    root = ET.fromstring(
        write(
            cues_of([spoken_items("One. | Two is a longer line that has to be broken.")]),
            "ttml",
            language="es-US",
        )
    )
    assert root.tag == f"{_TT}tt" and root.get("{http://www.w3.org/XML/1998/namespace}lang") == "es-US"
    parameter = "{http://www.w3.org/ns/ttml#parameter}"
    assert root.get(parameter + "contentProfiles") == "http://www.w3.org/ns/ttml/profile/imsc1.2/text"
    assert root.get(parameter + "timeBase") == "media"
    regions = {region.get("{http://www.w3.org/XML/1998/namespace}id") for region in root.iter(f"{_TT}region")}
    assert {div.get("region") for div in root.iter(f"{_TT}div")} == regions
    paragraphs = list(root.iter(f"{_TT}p"))
    assert len(paragraphs) == 2
    for paragraph in paragraphs:
        assert all(_IMSC_TIME.fullmatch(str(paragraph.get(name))) for name in ("begin", "end"))
    styled = {key for element in root.iter() for key in element.attrib if "ttml#styling" in key}
    assert {key.split("}")[1] for key in styled} == {"origin", "extent", "displayAlign", "textAlign"}


def test_a_job_may_number_its_subtitles_from_zero() -> None:
    cues = cues_of([spoken_items("One. | Two.")])
    assert write(cues, "srt", first=0).startswith("0\n") and "\n1\n" in write(cues, "vtt", first=0)


def playlist(folder: Path) -> Any:
    import m3u8

    return m3u8.loads((folder / PLAYLIST).read_text())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=streams())
def test_a_live_playlist_lists_segments_that_do_not_change_any_more(
    tmp_path: Path, items: list[Item]
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    maker, writer = Cues(), HlsFolder(folder)
    every: list[Cue] = []
    listed: dict[str, bytes] = {}

    def look() -> None:
        found = playlist(folder)
        names = [segment.uri for segment in found.segments]
        assert names == [f"{number}.vtt" for number in range(len(names))]
        assert names[: len(listed)] == list(listed), "a segment is listed no more"
        for name in names:
            content = (folder / name).read_bytes()
            assert listed.setdefault(name, content) == content, "a listed segment changed"

    look()
    for index, item in enumerate(items):
        cues = maker.accept([item])
        following = items[index + 1] if index + 1 < len(items) else None
        if following is None or following.pronunciation:
            cues += maker.advance(following.start if following else item.end)
        every += cues
        writer.accept(cues, maker.settled)
        look()
        assert not playlist(folder).is_endlist
    cues = maker.finish()
    every += cues
    seconds = items[-1].end if items else 0.0
    writer.finish(cues, seconds)
    look()
    final = playlist(folder)
    assert final.is_endlist and final.target_duration == SEGMENT
    assert all(segment.duration <= SEGMENT for segment in final.segments)
    assert len(listed) * SEGMENT >= max([seconds, *(cue.end for cue in every)])
    for number, content in enumerate(listed.values()):
        head, _, cues_text = content.decode().partition("\n\n")
        assert head == "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"
        shown = [cue for cue in every if cue.start < (number + 1) * SEGMENT and cue.end > number * SEGMENT]
        # Whole cues with their own number and times, in each segment that they are shown in.
        assert cues_text == write(shown, "vtt").partition("\n\n")[2]
        assert read(write(shown, "vtt"), "vtt") == expected(shown)


def test_the_playlist_goes_on_in_silence(tmp_path: Path) -> None:
    maker, writer = Cues(), HlsFolder(tmp_path)
    writer.accept([*maker.accept(spoken_items("All is well.")), *maker.advance(30.5)], maker.settled)
    assert len(playlist(tmp_path).segments) == 5
    assert "All is well." in (tmp_path / "0.vtt").read_text()
