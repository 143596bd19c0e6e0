"""Parses pages: their bytes become text, and the text a tree of elements."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator
from typing import Any

from brume.narration.model.articles.article import ArticleError

_HEAD = 1024  # bytes in which a page declares its encoding, as HTML has it
_DECLARED = re.compile(
    rb"""<(?:meta[^>]*?charset|\?xml[^>]*?encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# By HTML these are read as the encodings of Windows that contain them.
_WIDER = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254"}
_METADATA = {"base", "link", "meta", "noscript", "script", "style", "template", "title"}
_HIGH = re.compile(rb"[\x80-\xff]")
_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


@contextlib.contextmanager
def faults_named() -> Iterator[None]:
    """Name as `ArticleError` what a parser raises for a document that it was not made for.

    One such article must not end the reading of all others. Faults of the machine are raised as they are.
    """
    try:
        yield
    except (ArticleError, ImportError, MemoryError, OSError):
        raise
    except RecursionError:
        raise ArticleError("its parts are nested too deep: are all of its elements closed?") from None
    except Exception as error:
        raise ArticleError(f"it cannot be read: {type(error).__name__}: {error}") from error


def tree_of(data: bytes | str) -> Any:
    """Return the <html> element of a page or of a piece of HTML. Raises `ArticleError`."""
    from lxml import etree, html
    from trafilatura.utils import repair_faulty_html

    text = data if isinstance(data, str) else decoded(data)
    text = repair_faulty_html(text, text[:50].lower())
    # Without `huge_tree` the text below 256 elements that are not closed would be lost.
    parser = html.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, default_doctype=False
    )
    try:
        tree = html.document_fromstring(text.encode("utf-8", "ignore"), parser=parser)
    except etree.ParserError:
        raise ArticleError("it is not HTML: there is no element in it") from None
    _move_to_body(tree)
    return tree


def _move_to_body(tree: Any) -> None:
    """Put what follows the metadata of a page into its body.

    libxml2 takes an element of HTML 5 for one of the head where the tag <body> is left out.
    """
    head, body = tree.find("head"), tree.find("body")
    children = [] if head is None else list(head)
    first = next((at for at, child in enumerate(children) if child.tag not in _METADATA), len(children))
    if body is None:
        body = tree.makeelement("body")
        tree.append(body)
    for at, child in enumerate(children[first:]):
        body.insert(at, child)


def decoded(data: bytes) -> str:
    """Return the text of a page: by its byte order mark, as UTF-8, as it declares, or by what fits.

    Raises `ArticleError` for a page that is UTF-8 for the most, with bytes that are not.
    """
    from trafilatura.utils import detect_encoding

    mark = next((mark for mark in _MARKS if data.startswith(mark[0])), None)
    declared = _DECLARED.search(data[:_HEAD])
    names = [mark[1]] if mark else ["utf-8", _known(declared[1]) if declared else ""]
    if not mark and data.count(0) * 5 > len(
        data
    ):  # as in UTF-16, which UTF-8 would take for letters and zeros
        names = []
    fault = 0
    for name in filter(None, names):
        try:
            return data.decode(name).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            fault = fault or error.start
    if 2 * len(b"".join(_LETTER.findall(data))) > len(_HIGH.findall(data)):
        raise ArticleError(f"it is not UTF-8: byte {fault} does not fit")
    for name in detect_encoding(data):
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            return data.decode(name)
    raise ArticleError("its bytes are no text")


def _known(name: bytes) -> str:
    """Return the name of an encoding as Python has it, "" for none that is known."""
    try:
        found = codecs.lookup(name.decode("ascii", "replace")).name
    except LookupError:
        return ""
    return _WIDER.get(found, found)
