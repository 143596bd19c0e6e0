"""Slides to cut, and their tiles as they were written."""

from dataclasses import dataclass

from brume.slides.model.records import decode, read
from brume.slides.model.slide_tiles import tile_slide


@dataclass(frozen=True)
class Source:
    slide: str
    patient: str
    label: str
    uri: str
    version: str = "1"
    given_mpp: float = 0.0


def source(path):
    return Source(path.name, path.stem[:4], "luad", str(path))


def cut(path, out, tiling):
    result = tile_slide(path, out, slide="a.svs", patient="p1", label="luad", tiling=tiling)
    with out.open("rb") as stream:
        found = [decode(record) for record in read(stream, out.name)]
    assert result.tiles == len(found) and result.bytes == sum(len(tile.image) for tile in found)
    return found
