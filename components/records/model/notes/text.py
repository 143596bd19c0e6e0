"""The text of an attachment: by its media type and charset, or by what it looks like."""

from __future__ import annotations

import codecs
import re
from email.message import Message

from striprtf.striprtf import rtf_to_text

from brume.records.model.attachments import AttachmentError
from brume.records.model.notes.page_text import text_of_page

PLAIN, HTML, RTF = "text/plain", "text/html", "text/rtf"
_KINDS = {
    "text/html": HTML,
    "application/xhtml+xml": HTML,
    "text/rtf": RTF,
    "application/rtf": RTF,
    "application/x-rtf": RTF,
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What programs mean by these names (encoding.spec.whatwg.org, 4.2).
_WINDOWS = {"iso8859-1", "latin-1"}
_META = re.compile(rb"""<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_LOOKS_HTML = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<(!doctype\s+)?html", re.IGNORECASE)
_LONGEST = 1000  # characters of a media type with its parameters
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_UNKNOWN = {"", "application/octet-stream", "binary/octet-stream"}


def text_of(data: bytes, content_type: str) -> str:
    """Return the text of an attachment's bytes. Raises `AttachmentError` for a kind that holds no text.

    The charset is that of a byte-order mark, of the content type, of the page itself, or else UTF-8; what is
    not in it is read as Windows-1252. RTF is known by its first characters whatever the type says. HTML
    becomes text with its lines, lists and tables; scripts and styles are left out.
    """
    content_type = content_type[:_LONGEST]  # a header is read in time that grows with its square
    header = Message()
    header["Content-Type"] = content_type or "application/octet-stream"
    media = content_type.partition(";")[0].strip().lower()
    charset = header.get_content_charset() or ""
    kind = _kind(data, media)
    if kind == RTF:
        return _rtf(data)
    if kind == HTML:
        page = _decoded(data, charset or _charset_of_page(data))
        return text_of_page(page)
    text = _decoded(data, charset)
    if media in _UNKNOWN and _CONTROL.search(text):
        raise AttachmentError("it names no media type, and is no text", "name it in contentType")
    return text


def _kind(data: bytes, media: str) -> str:
    if data.lstrip()[:5] == b"{\\rtf":
        return RTF
    if media in _UNKNOWN:
        return HTML if _LOOKS_HTML.match(data) else PLAIN
    if media in _KINDS:
        if _KINDS[media] == RTF:
            raise AttachmentError("it is no RTF, as its contentType says", "mend the contentType")
        return _KINDS[media]
    if media.startswith("text/") and media != "text/xml":
        return PLAIN
    shown = media if re.fullmatch(r"[\w.+-]+/[\w.+-]+", media) else "of an unknown kind"
    raise AttachmentError(f"it is {shown}: text, HTML and RTF are read", "export it as one of these")


def _decoded(data: bytes, charset: str) -> str:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    try:
        name = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):  # not known, or a character that no name has
        name = "utf-8"
    # Text of all kinds is declared as ASCII.
    for one in ("cp1252",) if name in _WINDOWS else ("utf-8",) if name == "ascii" else (name, "utf-8"):
        try:
            return data.decode(one)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def _charset_of_page(data: bytes) -> str:
    match = _META.search(data[:2048])
    return match[1].decode("ascii", "replace") if match else ""


def _rtf(data: bytes) -> str:
    try:
        text = rtf_to_text(data.decode("latin-1"), errors="replace")
    except Exception as error:  # the library raises whatever its steps do
        raise AttachmentError(f"its RTF cannot be read ({type(error).__name__})", "save it again") from error
    # RTF writes a character beyond U+FFFF as two halves.
    return str(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
