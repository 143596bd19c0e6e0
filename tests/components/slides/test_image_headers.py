"""Sizes of images by their headers, before anything is decoded."""

from __future__ import annotations

import os

import pytest

from brume.slides.model.predictor import image_size
from tests.components.slides.colours import picture


def test_headers_of_images() -> None:
    assert image_size(picture(0, 0, 0, "PNG", 20)) == (20, 20)
    assert image_size(picture(0, 0, 0, "JPEG", 33)) == (33, 33)
    for damaged in (
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + b"\0" * 40,
        os.urandom(64),
    ):
        with pytest.raises(ValueError, match="not a JPEG or PNG"):
            image_size(damaged)
