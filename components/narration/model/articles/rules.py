"""The rules by which parts of a page are not read aloud."""

from __future__ import annotations

import re
from typing import Any

# Elements, roles and whole words of class and id, and the name of the rule that leaves them out.
_ELEMENTS = {
    "nav": "navigation",
    "footer": "footer",
    "aside": "aside",
    "figcaption": "caption",
    "pre": "code",
    "svg": "picture",
    "math": "formula",
    "form": "form",
    "button": "form",
    "select": "form",
    "textarea": "form",
    "dialog": "dialog",
    "menu": "navigation",
}
_ROLES = {
    "navigation": "navigation",
    "banner": "header",
    "contentinfo": "footer",
    "complementary": "aside",
    "search": "form",
    "menu": "navigation",
    "menubar": "navigation",
    "dialog": "dialog",
    "doc-endnotes": "footnote",
    "doc-footnote": "footnote",
    "doc-noteref": "footnote",
    "doc-backlink": "footnote",
    "doc-toc": "navigation",
}
_NAMES = {
    "navigation": "nav navbar navigation menu breadcrumb breadcrumbs pagination toc "
    "table-of-contents skip-link",
    "footer": "site-footer page-footer",
    "aside": "sidebar widget widgets",
    "advertisement": "ad ads advert advertisement advertising adsbygoogle banner-ad sponsored sponsor promo "
    "promotion",
    "sharing": "share sharing share-buttons social social-links social-share sharedaddy",
    "related": "related related-posts related-articles recommended read-more more-stories jp-relatedposts",
    "comments": "comments comment-list comment-form disqus disqus_thread respond",
    "subscription": "newsletter subscribe subscription signup newsletter-signup paywall",
    "caption": "caption wp-caption-text credit photo-credit image-caption",
    "footnote": "footnote footnotes endnotes footnote-ref footnote-backref footnotes-list footnotes-sep",
    "notice": "cookie cookies cookie-banner cookie-notice consent gdpr",
    "code": "highlight codehilite sourcecode",
    "hidden": "hidden visually-hidden sr-only screen-reader-text",
}
_BY_NAME = {name: rule for rule, names in _NAMES.items() for name in names.split()}
_SILENT = {
    *("script", "style", "template", "noscript", "iframe", "object", "embed", "canvas"),
    *("video", "audio", "picture", "img", "input", "head", "link", "meta", "map", "progress", "meter"),
}
_NOTE = re.compile(r"#(?:cite[-_]?note|fnref|fn|footnote|endnote|ftn|note)[-_:.]?[\w-]*$", re.IGNORECASE)
_MARK = re.compile(r"[\[(]?(?:\d{1,3}|[*†‡§↩\ufe0e]+|[a-z])[\])]?", re.IGNORECASE)


def silent(element: Any) -> bool:
    """Return whether an element holds no text of the page at all."""
    return not isinstance(element.tag, str) or element.tag in _SILENT


def rule_of(element: Any, *, within: bool) -> str:
    """Return the rule that leaves an element out, "" where none does; `within` the main text.

    A page's header is left out; an article's own header has its headline.
    """
    tag = element.tag
    if tag in _ELEMENTS:
        return _ELEMENTS[tag]
    if tag == "header" and not within:
        return "header"
    role = (element.get("role") or "").strip().lower()
    if role in _ROLES:
        return _ROLES[role]
    if element.get("hidden") is not None or (element.get("aria-hidden") or "").lower() == "true":
        return "hidden"
    style = (element.get("style") or "").replace(" ", "").lower()
    if "display:none" in style or "visibility:hidden" in style:
        return "hidden"
    if tag in ("a", "sup") and _is_note(element):
        return "footnote"
    names = f"{element.get('class') or ''} {element.get('id') or ''}".lower().split()
    rule = next((_BY_NAME[name] for name in names if name in _BY_NAME), "") if tag != "body" else ""
    # Words are highlighted too.
    return "" if rule == "code" and element.find(".//pre") is None else rule


def _is_note(element: Any) -> bool:
    """Return whether a link, or raised text around it, is the mark of a footnote."""
    link = element if element.tag == "a" else element.find(".//a")
    text = "".join(element.itertext()).strip()
    return (
        link is not None
        and _NOTE.search(link.get("href") or "") is not None
        and _MARK.fullmatch(text) is not None
    )
