"""The file of the source that the url of an attachment names."""

from __future__ import annotations

import posixpath
from collections.abc import Container
from urllib.parse import unquote, urlsplit

from brume import storage


def file_of(url: str, referring: str, files: Container[str], source: str = "") -> str:
    """Return the name below the source of what a url names, "" where that is none of `files`.

    A relative url counts from the folder of the file that has it, `referring`, or else from the source. An
    absolute one (`file:`, `s3:`, or a path) has to lie in `source`, where that is given. Nothing outside the
    source is ever named, and nothing is fetched from a server.
    """
    path = _path(url, source)
    if path is None:
        return ""
    folder = posixpath.dirname(referring)
    for base in (folder, ""):
        name = posixpath.normpath(posixpath.join(base, path))
        if not name.startswith(("../", "/")) and name in files:
            return name
    return ""


def _path(url: str, source: str) -> str | None:
    """Return the path of a url, below the source or relative; None for one that lies elsewhere."""
    text = url.strip()
    if text.startswith("file://"):
        text = unquote(text.removeprefix("file://"))
    elif not text.startswith(("/", "s3://", "minio://")):
        try:
            parts = urlsplit(text)
        except ValueError:
            return None
        return None if parts.scheme or parts.netloc else unquote(parts.path) or None
    root = storage.absolute(source).rstrip("/") + "/" if source else ""
    return text.removeprefix(root) if root and text.startswith(root) else None
