"""The text of a page of HTML, of a size that its source bounds.

The renderer fills the cells of a table to one width and honours paddings, so that a page of kilobytes can
have a text of gigabytes. Paddings and margins of style attributes are therefore left out, tables whose text
would be too large lose their columns, and a page that its parser would take minutes for is refused.
"""

from __future__ import annotations

import re
from itertools import chain

from inscriptis import Inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml import etree
from lxml.html import HtmlElement, document_fromstring

from brume.records.model.attachments import AttachmentError

_LAYOUT = ParserConfig(css=CSS_PROFILES["relaxed"], display_images=False, display_links=False)
_XML = re.compile(r"\s*<\?xml[^>]*(>|$)")
_LONG_TAG = re.compile(r"<[A-Za-z][^>]{4000,}")
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_ATTRIBUTES = 1000  # of one element
_TABLES, _INDENTS = 4 << 20, 32 << 20  # characters that columns and indents may add to a text
_INDENT = 4  # characters of a level of a list
_PLAIN = {"table": "div", "thead": "div", "tbody": "div", "tfoot": "div", "tr": "div"}
_PLAIN |= {"td": "span", "th": "span"}


def text_of_page(page: str) -> str:
    """Return the text of a page, with its lines, lists and tables, without scripts and styles.

    Raises `AttachmentError` for a page that cannot be read.
    """
    declaration = _XML.match(page)
    page = page[declaration.end() :] if declaration else page
    if not page.strip():
        return ""
    for tag in _LONG_TAG.finditer(page):
        if len(_QUOTED.sub(" ", tag[0]).split()) > _ATTRIBUTES:
            raise AttachmentError(
                f"an element of its HTML has over {_ATTRIBUTES} attributes", "save it again"
            )
    try:
        tree = document_fromstring(page)
        _bound(tree)
        return str(Inscriptis(tree, _LAYOUT).get_text())
    except AttachmentError:
        raise
    except etree.ParserError:  # a page without an element
        return ""
    except Exception as error:  # the library raises whatever its steps do
        raise AttachmentError(f"its HTML cannot be read ({type(error).__name__})", "save it again") from error


def _bound(tree: HtmlElement) -> None:
    """Change a page where its text would be far larger than it. Raises `AttachmentError`."""
    lines = depth = deepest = widest = 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth, lines = depth + 1, lines + 1
        deepest = max(deepest, depth)
        if style := element.get("style"):
            kept = [one for one in style.split(";") if one.strip().startswith(("display", "white-space"))]
            element.set("style", ";".join(kept))
    for text in tree.itertext():
        lines += text.count("\n")
        widest = max(widest, len(text))
    if lines * deepest * _INDENT > _INDENTS:
        raise AttachmentError("its HTML has too many elements at too many levels", "save it again")
    if lines * widest > _TABLES:
        for element in list(chain.from_iterable(tree.iter(name) for name in _PLAIN)):
            element.tag = _PLAIN[str(element.tag)]
