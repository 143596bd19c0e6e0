"""The text of attachments: media types, charsets, base64 as it comes."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.records.demo.carriers import rtf
from brume.records.model.attachments import AttachmentError, decode_base64
from brume.records.model.notes.text import text_of

TEXT = "José: 38 °C – “fever”\r\nno cough\n"


@pytest.mark.parametrize(
    ("charset", "content_type"),
    [
        ("utf-8", "text/plain"),
        ("utf-8", "text/plain; charset=utf-8"),
        ("utf-8", 'text/plain;CHARSET="UTF-8"'),
        ("utf-8", "text/plain; charset=us-ascii"),  # as many programs declare all text
        ("utf-8", "text/plain; charset=unknown-8bit"),
        ("utf-8", ""),
        ("utf-8-sig", "text/plain"),
        ("utf-16", "text/plain"),
        ("utf-16-le", "text/plain; charset=utf-16le"),
        ("cp1252", "text/plain; charset=iso-8859-1"),
        ("cp1252", "text/plain; charset=windows-1252"),
        ("cp1252", "text/plain"),
        ("cp1252", "text/plain; charset=utf-8"),
    ],
)
def test_charsets(charset: str, content_type: str) -> None:
    assert text_of(TEXT.encode(charset), content_type) == TEXT


@pytest.mark.parametrize("charset", ["koi8-r", "shift_jis", "gb18030"])
def test_other_charsets(charset: str) -> None:
    text = {"koi8-r": "кашель", "shift_jis": "咳", "gb18030": "咳嗽"}[charset]
    assert text_of(text.encode(charset), f"text/plain; charset={charset}") == text


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("<html><head><title>x</title></head><body>{}</body></html>", "text/html; charset=utf-8"),
        ('<?xml version="1.0" encoding="UTF-8"?><html>{}</html>', "application/xhtml+xml"),
        ("<!DOCTYPE html><body>{}", "application/octet-stream"),
        ("<div>{}</div>", "text/html"),
    ],
)
def test_pages_are_read_by_lines_without_scripts_and_styles(page: str, kind: str) -> None:
    body = (
        "<style>p {color: red}</style><script>alert('x')</script>"
        "<p>38&nbsp;°C, &lt;b&gt;</p><ul><li>no cough</li></ul>"
        "<table><tr><td>Na</td><td>140</td></tr></table>"
    )
    lines = text_of(page.format(body).encode(), kind).split()
    assert "".join(lines).replace("*", "") == "38°C,<b>nocoughNa140"


def test_a_page_names_its_own_charset() -> None:
    page = '<html><head><meta charset="windows-1252"></head><p>José</p></html>'
    assert text_of(page.encode("cp1252"), "text/html").strip() == "José"


def test_rtf_is_known_by_its_first_characters() -> None:
    text = "José {x} \\ 38 °C 😀\nno cough\n"
    half = rtf(text.replace("😀", "")).replace(b" 38 \\u176?C ", b" 38 \\'b0C \\u-10179?\\u-8704?")
    for kind in ("text/rtf", "application/rtf", "text/plain", ""):
        assert text_of(half, kind) == text


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"%PDF-1.7", "application/pdf", "application/pdf"),
        (b"<ClinicalDocument/>", "text/xml", "text/xml"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "", "no text"),
        (b"plain", "text/rtf", "no RTF"),
        (b"x", "secret words", "unknown kind"),
    ],
)
def test_what_holds_no_text_is_named(data: bytes, kind: str, reason: str) -> None:
    with pytest.raises(AttachmentError, match=reason):
        text_of(data, kind)


@pytest.mark.parametrize(
    "change", [lambda text: text, lambda text: text.rstrip("="), lambda text: text[:4] + " \r\n" + text[4:]]
)
def test_base64_as_it_comes(change) -> None:  # type: ignore[no-untyped-def]
    data = bytes(range(256)) + b"x"
    for encoded in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        assert decode_base64(change(encoded.decode())) == data


@pytest.mark.parametrize("data", ["no base64!", "é", "abcde", None, 7, ["YQ=="]])
def test_what_is_no_base64_is_named(data: object) -> None:
    with pytest.raises(AttachmentError):
        decode_base64(data)


@pytest.mark.parametrize(
    "page",
    [
        "<table>" + "<tr><td>y</td></tr>" * 3000 + f"<tr><td>{'wide ' * 10000}</td></tr></table>",
        "<div style='padding-left:9999999em; margin-top: 9999999em'>no cough</div>" * 1000,
        "<table><tr><td>x" * 60 + "wide " * 20000,
        "<?xml" + " " * 10**6,
    ],
    ids=["table", "padding", "nested", "declaration"],
)
def test_a_small_page_has_no_huge_text(page: str) -> None:
    """Cells filled to one width, and paddings, made gigabytes of a page of kilobytes."""
    assert len(text_of(page.encode(), "text/html")) < 20 * len(page)


def test_a_page_that_its_parser_would_take_minutes_for_is_refused() -> None:
    page = "<p " + " ".join(f"a{number}=1" for number in range(300_000)) + ">x"
    with pytest.raises(AttachmentError, match="attributes"):
        text_of(page.encode(), "text/html")
    assert text_of(("<ul><li>x" * 50 + "<li>x" * 100).encode(), "text/html").count("x") == 150
    with pytest.raises(AttachmentError, match="levels"):
        text_of(("<ul><li>" * 100 + "<li>x" * 200_000).encode(), "text/html")


def test_a_media_type_is_read_in_time() -> None:
    assert text_of(b"cough", "text/plain; " + "a=b; " * 200_000) == "cough"
    assert text_of(b"cough", "text/plain; charset=\x00") == "cough"


@given(
    st.binary(max_size=200),
    st.sampled_from(
        ["", "text/plain", "text/html", "text/rtf", "text/plain; charset=utf-16", "x; charset=\x00"]
    ),
)
def test_no_bytes_raise_anything_else(data: bytes, kind: str) -> None:
    try:
        assert isinstance(text_of(data, kind), str)
    except AttachmentError as error:
        assert str(error)
