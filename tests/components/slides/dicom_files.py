"""DICOM whole-slide files, as small as OpenSlide takes them (PS3.3 A.32.8, native pixels)."""

import struct

import numpy as np

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_LONG = ("OB", "SQ")


def _element(group, number, kind, value):
    """Return one element in explicit little endian; a sequence has a data set for each item."""
    if kind == "SQ":
        value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in value)
    elif kind == "US":
        value = struct.pack("<H", value)
    elif kind == "UL":
        value = struct.pack("<I", value)
    elif isinstance(value, str):
        value = value.encode() + (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", group, number, kind.encode())
    form = "<2xI" if kind in _LONG else "<H"
    return head + struct.pack(form, len(value)) + value


def _unending(group, number, item):
    """Return a sequence of one item, both without a length: they end with delimiters."""
    head = struct.pack("<HH2s2xI", group, number, b"SQ", 0xFFFFFFFF)
    ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return head + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + item + ends


def write_dicom(path, pixels, series, *, kind="VOLUME", mpp=0.5, side=64, instance=1, sop=WHOLE_SLIDE):
    """Write an image, uint8 [height, width, 3], as one DICOM file of tiles of ``side`` pixels."""
    height, width = pixels.shape[:2]
    rows, columns = -(-height // side), -(-width // side)
    padded = np.full((rows * side, columns * side, 3), 243, np.uint8)
    padded[:height, :width] = pixels
    frames = padded.reshape(rows, side, columns, side, 3).swapaxes(1, 2).tobytes()
    uid = f"{series}.{instance}"
    spacing = _element(0x28, 0x30, "DS", f"{mpp / 1000:.6f}\\{mpp / 1000:.6f}")
    shared = _element(0x28, 0x9110, "SQ", [spacing])
    data = b"".join(
        [
            _element(0x08, 0x08, "CS", f"DERIVED\\PRIMARY\\{kind}\\NONE"),
            _element(0x08, 0x16, "UI", sop),
            _element(0x08, 0x18, "UI", uid),
            _element(0x08, 0x60, "CS", "SM"),
            _unending(0x08, 0x1115, _element(0x08, 0x1150, "UI", WHOLE_SLIDE)),
            _element(0x20, 0x0D, "UI", f"{series}.9"),
            _element(0x20, 0x0E, "UI", series),
            _element(0x20, 0x13, "IS", str(instance)),
            _element(0x20, 0x9311, "CS", "TILED_FULL"),
            _element(0x28, 0x02, "US", 3),
            _element(0x28, 0x04, "CS", "RGB"),
            _element(0x28, 0x06, "US", 0),
            _element(0x28, 0x08, "IS", str(rows * columns)),
            _element(0x28, 0x10, "US", side),
            _element(0x28, 0x11, "US", side),
            _element(0x28, 0x100, "US", 8),
            _element(0x28, 0x101, "US", 8),
            _element(0x28, 0x102, "US", 7),
            _element(0x28, 0x103, "US", 0),
            _element(0x48, 0x06, "UL", width),
            _element(0x48, 0x07, "UL", height),
            _element(0x5200, 0x9229, "SQ", [shared]),
            _element(0x7FE0, 0x10, "OB", frames),
        ]
    )
    meta = b"".join(
        [
            _element(0x02, 0x01, "OB", b"\0\1"),
            _element(0x02, 0x02, "UI", sop),
            _element(0x02, 0x03, "UI", uid),
            _element(0x02, 0x10, "UI", "1.2.840.10008.1.2.1"),
            _element(0x02, 0x12, "UI", "1.2.3"),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM" + _element(0x02, 0x00, "UL", len(meta)) + meta + data)
