"""Decoding of pictures: formats, limits, and errors with their reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from brume.inspection.model import images
from brume.inspection.model.images import ImageError
from tests.components.inspection.pictures import encoded, part


def test_a_png_gives_its_own_pixels() -> None:
    picture = part(0)
    assert np.array_equal(images.decode(encoded(picture)), picture)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_cut_short_is_refused(kind: str) -> None:
    data = encoded(part(0), kind)
    with pytest.raises(ImageError, match=f"the {kind} file is damaged"):
        images.decode(data[: len(data) // 2])


def test_a_header_alone_is_refused() -> None:
    with pytest.raises(ImageError, match="damaged"):
        images.decode(b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize("data", [b"", b"not a picture", b"GIF89a" + b"0" * 100])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="neither a PNG nor a JPEG"):
        images.decode(data)


@pytest.mark.parametrize(("width", "height", "side"), [(63, 64, "width"), (64, 5000, "height")])
def test_sides_outside_the_limits_are_refused(width: int, height: int, side: str) -> None:
    data = encoded(np.zeros((height, width, 3), np.uint8))
    with pytest.raises(ImageError, match=rf"{width} x {height} pixels; its {side} must be from 64 to 4096"):
        images.decode(data)


def test_the_smallest_picture_is_accepted() -> None:
    assert images.decode(encoded(np.zeros((64, 64, 3), np.uint8))).shape == (64, 64, 3)


def test_more_than_8_mb_is_refused() -> None:
    with pytest.raises(ImageError, match="8 MB"):
        images.decode(b"\x89PNG\r\n\x1a\n" + bytes(images.MAX_BYTES))


def test_a_bomb_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(ImageError):
        images.decode(b"\x89PNG\r\n\x1a\n" + chunk)


def test_transparent_pixels_lie_on_white() -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[:32, :, 3] = 255
    decoded = images.decode(encoded(rgba))
    assert (decoded[:32] == 0).all()
    assert (decoded[32:] == 255).all()


def test_16_bit_samples_are_scaled() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((64, 64), 32896, np.uint16)).save(stream, "PNG")
    assert (images.decode(stream.getvalue()) == 128).all()


def test_exif_rotation_is_not_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(np.zeros((64, 80, 3), np.uint8)).save(stream, "JPEG", exif=exif)
    assert images.decode(stream.getvalue()).shape == (64, 80, 3)


def test_resizing_averages() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert abs(images.resize(stripes, 16, 16)[4:12, 4:12].astype(int) - 127).max() < 20
