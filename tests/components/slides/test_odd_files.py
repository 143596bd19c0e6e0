"""TIFF files of every kind: each is read as it is, or set aside with a reason."""

import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

from brume.slides.model import tiff_pyramid
from brume.slides.model.admission import build_unlabelled
from brume.slides.model.grid import Tiling
from brume.slides.model.reader import SlideError, check_slide, open_slide
from brume.slides.model.tiles import tile_group
from tests.components.slides.tiff_files import COMPRESSIONS, finish, write_image

OME = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
OME |= {"PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm"}


@pytest.fixture(scope="module")
def picture(tissue):
    return np.ascontiguousarray(tissue[:700, :900])


def write_ome(path, picture, compression="none", **options):
    """Write an OME-TIFF of three levels, the lower ones below the first, as Bio-Formats and QuPath do."""
    with tifffile.TiffWriter(path) as stream:
        write_image(stream, picture, compression, subifds=2, metadata=OME, **options)
        for scale in (2, 4):
            lower = np.ascontiguousarray(picture[::scale, ::scale])
            write_image(stream, lower, compression, subfiletype=1, **options)
    finish(path, compression)


def window(path, level, x, y, width, height):
    with open_slide(path) as slide:
        return next(slide.windows(level, [(x, y)], width, height)).astype(int)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_all_levels_of_an_ome_tiff_are_read(picture, tmp_path, compression):
    """OpenSlide sees the first alone, so that its picture was made from every pixel, and knows no size."""
    path = tmp_path / "a.ome.tif"
    write_ome(path, picture, compression)
    with open_slide(path) as slide:
        sizes = [(level.width, level.height, level.downsample) for level in slide.levels]
        assert sizes == [(900, 700, 1), (450, 350, 2), (225, 175, 4)]
        assert slide.mpp == pytest.approx(0.5) and slide.vendor == "ome-tiff"
    loss = 6 if compression == "jpeg" else 0
    for level, scale in enumerate((1, 2, 4)):
        expected = picture[::scale, ::scale].astype(int)
        high, wide = (side // scale - 30 for side in (700, 900))
        got = window(path, level, 20, 10, wide, high)
        assert np.abs(got - expected[10 : 10 + high, 20 : 20 + wide]).mean() <= loss


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg", "zstd"])
def test_strips_are_read(picture, tmp_path, compression):
    Image.fromarray(picture).save(tmp_path / "a.tif", compression=compression, dpi=(50800, 50800))
    assert check_slide(tmp_path / "a.tif").mpp == pytest.approx(0.5)
    got = window(tmp_path / "a.tif", 0, 100, 50, 700, 650)  # the last strip is a short one
    assert np.abs(got - picture[50:, 100:800]).mean() <= (6 if compression == "jpeg" else 0)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "I;16"])
def test_strips_of_other_colours_are_read(picture, tmp_path, mode):
    image = Image.fromarray(picture)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
        expected = np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))
    else:
        image = image.convert(mode)
        expected = np.asarray(image.convert("RGB"))
    image.save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(window(tmp_path / "a.tif", 0, 0, 0, 900, 700), expected)


def test_a_qptiff_has_its_levels_and_not_its_thumbnail(picture, tmp_path):
    text = "<PerkinElmer-QPI-ImageDescription><ImageType>{}</ImageType></PerkinElmer-QPI-ImageDescription>"
    with tifffile.TiffWriter(tmp_path / "a.qptiff") as stream:
        named = {"metadata": None, "software": "PerkinElmer-QPI"}
        size = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
        write_image(stream, picture, description=text.format("FullResolution"), **named, **size)
        stream.write(picture[::10, ::10], photometric="rgb", description=text.format("Thumbnail"), **named)
        write_image(stream, picture[::2, ::2], subfiletype=1, **named)
        stream.write(picture[::4, ::4], photometric="rgb", subfiletype=1, **named)
    with open_slide(tmp_path / "a.qptiff") as slide:
        assert [level.width for level in slide.levels] == [900, 450, 225] and slide.mpp == 0.5
    assert np.array_equal(window(tmp_path / "a.qptiff", 2, 0, 0, 225, 175), picture[::4, ::4])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"extratags": [(274, 3, 1, 3, True)]}, "orientation tag is 3"),
        ({"dtype": np.float32}, "32"),
        ({"planes": 4, "metadata": {"axes": "CYX"}}, "4 channels, as of fluorescence"),
        ({"planes": 5, "metadata": {"axes": "ZYX"}}, "several planes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_be_read_wrongly_is_refused_with_the_reason(picture, tmp_path, options, reason):
    """A turned picture had its tiles turned one by one; of a stack of channels the first was cut."""
    options = dict(options)
    image = picture.astype(options.pop("dtype", np.uint8))
    if planes := options.pop("planes", 0):
        image, options["photometric"] = np.repeat(image[None, ..., 0], planes, axis=0), "minisblack"
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=bool(planes)) as stream:
        write_image(stream, image, **options)
    with pytest.raises(SlideError, match=reason):
        check_slide(tmp_path / "a.tif")


@pytest.mark.parametrize(("tag", "value"), [(322, 500_000), (257, 5_000_000)], ids=["tile", "image"])
def test_a_damaged_size_is_refused(picture, tmp_path, tag, value):
    """OpenSlide ended the process, of all slides, or minutes went by on a picture that is not there."""
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", tile=(256, 256), compression="deflate")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        tiff.pages[0].tags[tag].overwrite(value, dtype="I")
    with pytest.raises(SlideError, match="damaged: "):
        check_slide(tmp_path / "a.tif")


def test_parts_too_large_for_the_memory_are_refused(picture, tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", rowsperstrip=700)
    monkeypatch.setattr(tiff_pyramid, "MAX_TILE_PIXELS", 600_000)
    with pytest.raises(SlideError, match="parts of 900 x 700 pixels, too large to read: save it in tiles"):
        check_slide(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", ["lzw", "deflate", "zstd"])
def test_a_damaged_tile_is_no_picture(picture, tmp_path, compression):
    path = tmp_path / "a.ome.tif"
    write_ome(path, picture, compression)
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[5], tiff.pages[0].databytecounts[5]
    with path.open("r+b") as stream:
        stream.seek(offset + count // 2)
        stream.write(b"\xff" * (count // 2))
    with pytest.raises(SlideError, match="damaged: source tile 5 of level 0"):
        window(path, 0, 256, 256, 256, 256)


def test_damaged_jpeg_strips_are_known(picture, tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(picture).save(path, compression="jpeg", strip_size=900 * 3 * 64)
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[3], tiff.pages[0].databytecounts[3]
    with path.open("r+b") as stream:
        stream.seek(offset + count // 2)
        stream.write(bytes(count // 2))
    with open_slide(path) as slide:
        high = slide._tiles.grids[0].height
        list(slide.windows(0, [(0, 0)], 900, 700))
        damaged = [slide.is_damaged(0, 0, y, 900, high) for y in range(0, 700 - high, high)]
    assert [number for number, known in enumerate(damaged) if known] == [3]


def test_in_a_folder_of_odd_files_each_is_cut_or_set_aside_with_its_reason(picture, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    layouts = itertools.product(COMPRESSIONS, (256, 512))
    for number, (compression, side) in enumerate(layouts):
        path = folder / f"{compression}-{side}.tif"
        with tifffile.TiffWriter(path, bigtiff=side == 512, byteorder="<>"[number % 4 == 3]) as stream:
            write_image(stream, np.roll(picture, number, 1), compression, side=side)
        finish(path, compression)
    grey = {"photometric": "minisblack", "tile": (256, 256)}
    tifffile.imwrite(folder / "grey.tif", picture[..., 0], **grey)
    tifffile.imwrite(folder / "inverted.tif", 255 - picture[..., 0], **grey | {"photometric": "miniswhite"})
    tifffile.imwrite(folder / "deep.tif", picture.astype(np.uint16) * 257, photometric="rgb", tile=(256, 256))
    planes = np.moveaxis(picture, 2, 0)
    tifffile.imwrite(folder / "planar.tif", planes, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(folder / "bits.tif", picture[..., 0] > 128, photometric="minisblack")
    tifffile.imwrite(folder / "narrow.tif", picture, photometric="rgb", tile=(16, 16))
    whole = (folder / "lzw-256.tif").read_bytes()
    for share in (0.01, 0.5, 0.99):
        (folder / f"cut-{share}.tif").write_bytes(whole[: int(len(whole) * share)])
    for name, content in {"empty.tif": b"", "text.svs": b"text", "zeros.ndpi": bytes(9999)}.items():
        (folder / name).write_bytes(content)

    found = build_unlabelled(str(folder), assume_mpp=0.5, groups=1)
    files, rejects = tile_group(found.slides, str(tmp_path / "out"), Tiling(224))
    rejects += found.rejects
    assert len(files) + len(rejects) == len(list(folder.iterdir()))
    reasons = {reject.item: reject.reason for reject in rejects}
    assert not {name for name in reasons if name.split("-")[0] in COMPRESSIONS}
    assert {"planar.tif", "narrow.tif", "cut-0.01.tif", "empty.tif", "text.svs", "zeros.ndpi"} <= set(reasons)
    assert not {"grey.tif", "inverted.tif", "deep.tif"} & set(reasons)
    assert all(len(reason) > 20 for reason in reasons.values())
