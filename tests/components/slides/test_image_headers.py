"""Sizes of images by their headers, before anything is decoded."""

from __future__ import annotations

import json
import os

import pytest

from brume.slides.model.predictor import RequestError, image_size, read_instances
from tests.components.slides.colours import (
    RED,
    b64,
    picture,
)


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


def test_an_image_that_claims_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    bomb = RED[:16] + (60_000).to_bytes(4, "big") * 2 + RED[24:]
    with pytest.raises(RequestError, match="instance 0: 60000 x 60000"):
        read_instances(json.dumps({"instances": [b64(bomb)]}).encode())
