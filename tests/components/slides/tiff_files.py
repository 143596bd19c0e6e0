"""TIFF files of every kind: tifffile writes the layout, libtiff (through Pillow) compresses the tiles."""

import io

import numpy as np
import tifffile
from PIL import Image

PILLOW = {"lzw": "tiff_lzw", "packbits": "packbits", "lzma": "lzma", "zstd": "zstd", "jpeg": "jpeg"}
CODES = {"lzw": 5, "jpeg": 7, "packbits": 32773, "lzma": 34925, "zstd": 50000}
COMPRESSIONS = ["none", "deflate", *CODES]


def compress(tile, compression):
    """Return a tile's bytes as libtiff compresses them; a JPEG is whole, without tables apart."""
    stream = io.BytesIO()
    if compression == "jpeg":
        Image.fromarray(tile).save(stream, "JPEG", quality=95)
        return stream.getvalue()
    Image.fromarray(tile).save(stream, "TIFF", compression=PILLOW[compression], strip_size=1 << 30)
    stream.seek(0)
    with tifffile.TiffFile(stream) as tiff:
        (offset,), (count,) = tiff.pages[0].dataoffsets, tiff.pages[0].databytecounts
    return stream.getvalue()[offset : offset + count]


def tiles_of(image, side, compression):
    for top in range(0, image.shape[0], side):
        for left in range(0, image.shape[1], side):
            tile = np.zeros((side, side, *image.shape[2:]), np.uint8)
            part = image[top : top + side, left : left + side]
            tile[: part.shape[0], : part.shape[1]] = part
            yield compress(tile, compression)


def write_image(stream, image, compression="none", *, side=256, **options):
    """Write one image of tiles; ``stream`` is a `tifffile.TiffWriter`, whose file `finish` ends."""
    own = {"none": None, "deflate": "deflate"}
    options = {"photometric": "rgb", "tile": (side, side), **options}
    if compression in own:
        stream.write(image, compression=own[compression], **options)
        return
    tiles = tiles_of(image, side, compression)
    # tifffile takes no ready tiles of compressions that it lacks the codec of: they get their name after.
    stream.write(tiles, shape=image.shape, dtype=image.dtype, compression="deflate", **options)


def finish(path, compression):
    """Name the compression of a file's tiles."""
    if compression not in CODES:
        return
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for page in tiff.pages:
            for image in (page, *(page.pages or ())):
                image.tags[259].overwrite(CODES[compression])
                if compression == "jpeg":
                    image.tags[262].overwrite(6)  # YCbCr
