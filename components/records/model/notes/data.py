"""The bytes of an attachment: its own, a Binary's, or those of a file of the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from brume.records.model import references
from brume.records.model.attachments import (
    AttachmentError,
    attachment_urls,
    decode_base64,
)
from brume.records.model.resources import Resource, Resources


class Sources:
    """What the urls of the attachments of some resources name, read at once."""

    def __init__(self, resources: Resources, of: Iterable[Resource]) -> None:
        """Read the Binary resources and files of the source that `of` refers to."""
        carriers = list(of)
        self._files = resources.attachment_files(carriers)
        self._binaries = resources.get(
            name for one in carriers for url in attachment_urls(one.type, one.value) if (name := _binary(url))
        )

    def data_of(self, attachment: Mapping[str, Any], carrier: Resource) -> tuple[bytes, str]:
        """Return the bytes and the content type of an attachment. Raises `AttachmentError`."""
        kind = _text(attachment.get("contentType"))
        if attachment.get("data"):
            return decode_base64(attachment["data"]), kind
        url = attachment.get("url")
        if not isinstance(url, str) or not url:
            raise AttachmentError("it has neither data nor a url", "export its content too")
        if (carrier.file, url) in self._files:
            return self._files[carrier.file, url], kind
        binary = self._binary_of(url, carrier)
        if binary is None:
            raise AttachmentError(
                "its url names nothing in the source",
                "export Binary resources too, or put the file below the source",
            )
        return decode_base64(binary.get("data")), kind or _text(binary.get("contentType"))

    def _binary_of(self, url: str, carrier: Resource) -> Mapping[str, Any] | None:
        if url.startswith("#"):
            return next(_contained(carrier.value, url[1:]), None)
        found = self._binaries.get(_binary(url))
        return found.value if found else None


def _binary(url: str) -> str:
    """Return Binary/ID where a url names one, on whatever server."""
    found = references.parse(url)
    return f"Binary/{found.id}" if isinstance(found, references.Literal) and found.type == "Binary" else ""


def _contained(value: Mapping[str, Any], identity: str) -> Iterator[Mapping[str, Any]]:
    given = value.get("contained")
    for one in given if isinstance(given, list) else ():
        if isinstance(one, dict) and (one.get("resourceType"), one.get("id")) == ("Binary", identity):
            yield one


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
