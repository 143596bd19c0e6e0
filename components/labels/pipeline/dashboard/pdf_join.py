"""Several PDF documents of one page each as one document.

That is all that is done here: it reads what vl-convert writes (PDF 1.7 with a cross-reference table, see
ISO 32000-1, 7.5.4), renumbers the objects of each document, and gives the pages a common root.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TABLE = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*$")
_ROW = re.compile(rb"(\d{10}) (\d{5}) ([nf])")
_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_PARENT = re.compile(rb"/Parent \d+ 0 R")


def joined(documents: Sequence[bytes]) -> bytes:
    """Return one document with the pages of all. Raises `ValueError` for one without the expected table."""
    root, pages = 1, 2
    bodies: dict[int, bytes] = {}
    kids: list[int] = []
    for document in documents:
        shift = max(bodies, default=pages)
        for number, body in _objects(document).items():
            head, stream, rest = body.partition(b"stream\n")
            if b"/Type /Catalog" in head or b"/Type /Pages" in head:
                continue
            head = _shifted(head, shift)
            if re.search(rb"/Type /Page\b", head):
                head = _PARENT.sub(b"/Parent %d 0 R" % pages, head)
                kids.append(number + shift)
            bodies[number + shift] = head + stream + rest
    bodies[root] = b"<< /Type /Catalog /Pages %d 0 R >>" % pages
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    bodies[pages] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), listed)
    return _written(bodies, root)


def _shifted(head: bytes, shift: int) -> bytes:
    return _REFERENCE.sub(lambda hit: b"%d 0 R" % (int(hit[1]) + shift), head)


def _objects(document: bytes) -> dict[int, bytes]:
    """Return the objects by number, without the words around them."""
    found = _TABLE.search(document)
    if not found or not document[int(found[1]) :].startswith(b"xref"):
        raise ValueError("a PDF without a cross-reference table cannot be joined to others")
    rows = _ROW.findall(document, int(found[1]))
    places = {number: int(place) for number, (place, _, kind) in enumerate(rows) if kind == b"n"}
    ends = sorted([*places.values(), int(found[1])])
    objects = {}
    for number, place in places.items():
        piece = document[place : ends[ends.index(place) + 1]]
        objects[number] = piece[piece.index(b"obj") + 3 : piece.rindex(b"endobj")].strip(b"\r\n")
    return objects


def _written(bodies: dict[int, bytes], root: int) -> bytes:
    parts = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"]
    size, places = len(parts[0]), {}
    for number in sorted(bodies):
        places[number] = size
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, bodies[number]))
        size += len(parts[-1])
    last = max(bodies)
    rows = [
        b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
        for number in range(last + 1)
    ]
    parts.append(b"xref\n0 %d\n%s" % (last + 1, b"".join(rows)))
    parts.append(b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (last + 1, root, size))
    return b"".join(parts)
