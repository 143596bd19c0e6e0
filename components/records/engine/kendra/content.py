"""The text of documents of the kinds that are read here."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from brume import storage
from brume.aws import addresses
from brume.records.model.attachments import AttachmentError
from brume.records.model.notes.text import text_of as text_of_attachment

_MEDIA = {
    "PLAIN_TEXT": "text/plain",
    "MD": "text/markdown",
    "CSV": "text/csv",
    "JSON": "text/plain",
    "HTML": "text/html",
    "RTF": "text/rtf",
}
_ENDINGS = {
    "txt": "PLAIN_TEXT", "text": "PLAIN_TEXT", "md": "MD", "csv": "CSV", "json": "JSON", "html": "HTML",
    "htm": "HTML", "xml": "XML", "rtf": "RTF", "pdf": "PDF", "doc": "MS_WORD", "docx": "MS_WORD",
    "ppt": "PPT", "pptx": "PPT", "xls": "MS_EXCEL", "xlsx": "MS_EXCEL",
}  # fmt: skip


class ContentError(ValueError):
    """A document or file that cannot be read; the message says why, and quotes nothing of it."""


def kind_of(key: str) -> str:
    """Return the content type of a file by its ending, PLAIN_TEXT where that says nothing."""
    return _ENDINGS.get(key.rpartition(".")[2].lower() if "." in key else "", "PLAIN_TEXT")


def text_of(data: bytes, kind: str) -> str:
    """Return the text of a document. Raises `ContentError`."""
    if kind in ("XML", "XSLT"):
        return _markup(data, kind)
    if kind not in _MEDIA:
        raise ContentError(f"{kind} is not read by this server: put its text, as PLAIN_TEXT or HTML")
    try:
        return text_of_attachment(data, _MEDIA[kind])
    except AttachmentError as error:
        raise ContentError(f"the {kind} cannot be read: {error}; {error.remedy}") from error


def fetched(uri: str, folders: Mapping[str, str]) -> bytes:
    """Return an object of S3, or of the folder that stands for its address. Raises `ContentError`."""
    try:
        return storage.read_bytes(addresses.locate(uri, folders))
    except addresses.AddressError as error:
        raise ContentError(str(error)) from error
    except FileNotFoundError as error:
        raise ContentError(f"{uri} is not there") from error
    except (storage.StorageError, OSError) as error:
        raise ContentError(f"{uri} cannot be read: {type(error).__name__}") from error


def _markup(data: bytes, kind: str) -> str:
    """Return the text of XML; no file and no address that it names is read."""
    parser = etree.XMLParser(no_network=True, resolve_entities=False, remove_comments=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError) as error:
        raise ContentError(f"the {kind} cannot be read: {type(error).__name__}") from error
    return "\n".join(line for part in root.itertext() if (line := part.strip()))
