"""Attachments of resources that hold notes: where they stand, and what their data is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

CARRIERS = ("DocumentReference", "DiagnosticReport")  # types of resources whose attachments are notes

_ALPHABET = re.compile(r"[A-Za-z0-9+/]*")


class AttachmentError(ValueError):
    """An attachment that cannot be used; the message has nothing of its content, `remedy` what mends it."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Take the reason and the remedy."""
        super().__init__(reason)
        self.remedy = remedy


def attachments(kind: str, value: Mapping[str, Any]) -> list[Any]:
    """Return the attachments of a resource that may hold notes, in their order.

    What stands in the place of one and is none is kept, so that their numbers are those of the resource.
    """
    if kind == "DocumentReference":
        contents = value.get("content")
        return [
            content.get("attachment") if isinstance(content, dict) else None
            for content in (contents if isinstance(contents, list) else [])
        ]
    forms = value.get("presentedForm") if kind == "DiagnosticReport" else None
    return forms if isinstance(forms, list) else []


def attachment_urls(kind: str, value: Mapping[str, Any]) -> list[str]:
    """Return the urls of a resource's attachments that have no data of their own."""
    return [
        one["url"]
        for one in attachments(kind, value)
        if isinstance(one, dict) and isinstance(one.get("url"), str) and not one.get("data")
    ]


def decode_base64(text: Any) -> bytes:
    """Return the bytes of FHIR's base64Binary; raises `AttachmentError`.

    Line breaks and spaces, missing padding and the alphabet of URLs are taken too.
    """
    if not isinstance(text, str):
        raise AttachmentError("its data is no text", "write data as base64")
    joined = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        if not _ALPHABET.fullmatch(joined):
            raise binascii.Error
        return base64.b64decode(joined + "=" * (-len(joined) % 4))
    except binascii.Error:
        raise AttachmentError("its data is no base64", "export the resource again") from None
