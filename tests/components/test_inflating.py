"""Compressed files: what they stand for, with a bound."""

from __future__ import annotations

import bz2
import gzip
import io
import os
from collections.abc import Callable

import pytest

from brume import inflating
from brume.inflating import BZIP2, FREE, GZIP, InflationError, inflated

PACKED = [(gzip.compress, GZIP), (bz2.compress, BZIP2)]
BOTH = pytest.mark.parametrize(("pack", "start"), PACKED)
Pack = Callable[[bytes], bytes]


@BOTH
def test_a_file_is_what_was_compressed_also_of_several_parts(pack: Pack, start: bytes) -> None:
    data = os.urandom(3 << 20)
    assert inflated(io.BytesIO(pack(data) + pack(b"more")), start).read() == data + b"more"


@BOTH
def test_a_file_that_stands_for_too_much_is_an_error_early(pack: Pack, start: bytes) -> None:
    stream = inflated(io.BytesIO(pack(bytes(4 * FREE))), start)
    size = 0
    with pytest.raises(InflationError, match="200 times its size") as caught:
        while data := stream.read(1 << 20):
            size += len(data)
    assert size <= FREE + (2 << 20)
    assert "without compression" in caught.value.remedy


@BOTH
def test_a_small_file_may_be_as_dense_as_it_likes(pack: Pack, start: bytes) -> None:
    assert len(inflated(io.BytesIO(pack(bytes(FREE // 2))), start).read()) == FREE // 2


@BOTH
def test_a_large_file_of_usual_density_is_read_to_its_end(
    pack: Pack, start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inflating, "FREE", 1 << 16)
    lines = b"".join(
        b'{"resourceType":"Patient","id":"%s"}\n' % os.urandom(8).hex().encode() * 4 for _ in range(9999)
    )
    assert inflated(io.BytesIO(pack(lines)), start).read() == lines


@BOTH
@pytest.mark.parametrize("fault", ["short", "changed", "other"])
def test_a_damaged_file_is_an_error(pack: Pack, start: bytes, fault: str) -> None:
    data = bytearray(pack(os.urandom(1 << 20)))
    if fault == "changed":
        data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    damaged = {"short": data[:-20], "changed": data, "other": bytearray(b"no compression at all")}[fault]
    with pytest.raises(InflationError, match="ends early or is broken"):
        inflated(io.BytesIO(bytes(damaged)), start).read()


class _Broken(io.RawIOBase):
    def read(self, _size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")


@BOTH
def test_a_stream_that_cannot_be_reached_is_no_damaged_file(pack: Pack, start: bytes) -> None:
    with pytest.raises(OSError, match="Input/output"):
        inflated(_Broken(), start).read()  # type: ignore[arg-type]
