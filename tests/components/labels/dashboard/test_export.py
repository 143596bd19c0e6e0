"""The dashboard as a picture and on paper, without a browser."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from brume.labels.pipeline.dashboard import Dashboard
from brume.labels.pipeline.dashboard.pdf_join import joined
from tests.components.labels.dashboard import tables


def test_the_picture_has_every_part_and_its_colours(dashboard: Dashboard) -> None:
    picture = Image.open(io.BytesIO(dashboard.png()))
    assert picture.width == 1200 and picture.height > 3000
    colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 22) or []}
    for wanted in ((0, 114, 178), (213, 94, 0)):  # of the bars
        assert min(sum(abs(a - b) for a, b in zip(wanted, colour, strict=True)) for colour in colours) < 12


def test_the_paper_has_pages_and_words_that_can_be_searched(dashboard: Dashboard) -> None:
    document = dashboard.pdf()
    pages = len(re.findall(rb"/Type /Page\b", document))
    assert pages >= 3
    assert b"/Count %d" % pages in document
    # Every object lies where the table has it.
    start = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n", document[start:])]
    assert all(re.match(rb"\d+ 0 obj", document[place : place + 16]) for place in places)
    assert b"/ToUnicode" in document


def test_all_references_of_joined_documents_lead_to_an_object(dashboard: Dashboard) -> None:
    document = dashboard.pdf()
    objects = {int(number) for number in re.findall(rb"^(\d+) 0 obj", document, re.M)}
    heads = re.sub(rb"stream\n.*?endstream", b"", document, flags=re.S)
    assert {int(number) for number in re.findall(rb"\b(\d+) 0 R\b", heads)} <= objects


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="cross-reference table"):
        joined([b"%PDF-1.7 nothing"])


def test_masked_workers_are_not_in_the_drawing(masked: Dashboard) -> None:
    drawing = "".join(block.svg for block in masked.sheets)
    for person in tables.effort()["workers"]:
        assert (
            person["name"] not in drawing
            and person["email"] not in drawing
            and person["worker"] not in drawing
        )
    assert re.search(r"Worker [2-9A-Z]{5}", drawing)
