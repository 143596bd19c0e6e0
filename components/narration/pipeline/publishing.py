"""Publishes versions of articles at a folder or in a bucket, and takes retracted ones down.

Readers see an article's old version or its new one, never parts of both: the files of a version lie in a
folder of its own, and article.json, which names it, is replaced last. Then the site's lists follow, and older
versions go; the one before stays for who listens to it. What a kill cuts short, the next call completes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brume import storage
from brume.narration.model.site import covers, pages
from brume.narration.model.site.about import Published, Site, from_json, to_json
from brume.narration.model.site.feed import feed
from brume.storage import ReplacedError

CATALOG = "catalog.json"
_ATTEMPTS = 50  # of a change to the catalog while others change it too


@dataclass(frozen=True)
class Made:
    """A version that is to be published: its record, and the local folder that holds its files."""

    record: Published
    folder: Path


@dataclass
class Changes:
    """What a call has changed, by the names of articles."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    retracted: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # among the articles, and yet not taken down


class Publisher:
    """Publishes at `uri`; several may do so at a time."""

    def __init__(self, uri: str, site: Site, cover: bytes | None = None) -> None:
        """`cover` is a picture of the site's, JPEG or PNG."""
        self.uri = uri
        self._site = site
        self._cover = cover
        self._has_common = False

    def publish(self, made: Sequence[Made], retracted: Iterable[str] = ()) -> Changes:
        """Publish versions and take articles down; what is published as it is stays."""
        self._write_common()
        changes = Changes()
        known = self.articles()
        for one in made:
            self._put(one, known.get(one.record.name))
            before = known.get(one.record.name)
            if before is None:
                changes.added.append(one.record.name)
            elif before.version == one.record.version:
                changes.unchanged.append(one.record.name)
            else:
                changes.replaced.append(one.record.name)
        gone = sorted(set(retracted) - {one.record.name for one in made})
        # Files that the catalog does not have are what a kill left before it was changed.
        gone = [name for name in gone if name in known or self._has_files(name)]
        changes.retracted += [name for name in gone if name in known]

        def change(catalog: dict[str, Any]) -> None:
            for one in made:
                entry = catalog["articles"].get(one.record.name, {})
                before = entry.get("version", "")
                same = before == one.record.version
                catalog["articles"][one.record.name] = {
                    **to_json(one.record),
                    "before": entry.get("before", "") if same else before,
                }
            catalog["going"] = sorted({*catalog["going"]} - {one.record.name for one in made})
            for name in gone:
                # Until its files are gone: the next call takes away what a kill leaves.
                catalog["articles"].pop(name, None)
                catalog["going"] = sorted({*catalog["going"], name})

        catalog = self._change(change)
        self._write_lists()
        self._remove_old([one.record.name for one in made], catalog)
        self._remove_gone(catalog)
        return changes

    def articles(self) -> dict[str, Published]:
        """Return what is published, by name."""
        catalog, _ = self._read()
        return _records(catalog)

    def _has_files(self, name: str) -> bool:
        return storage.exists(storage.join(self.uri, f"articles/{name}"))

    def _put(self, made: Made, before: Published | None) -> None:
        """Write the files of a version, then the page and the record that lead to it."""
        record = made.record
        folder = storage.join(self.uri, f"articles/{record.name}")
        if before is None or before.version != record.version:
            storage.upload(made.folder / record.version, storage.join(folder, record.version))
        for name in ("index.html", "article.json"):
            _write_changed(storage.join(folder, name), (made.folder / name).read_bytes())

    def _write_common(self) -> None:
        """Write the player, the style and the cover of the site, once."""
        if self._has_common:
            return
        _write_changed(storage.join(self.uri, "player.js"), pages.script().encode())
        _write_changed(storage.join(self.uri, "page.css"), pages.style().encode())
        title = self._site.title
        picture = covers.read(self._cover) if self._cover else covers.made(title, self._site.author)
        _write_changed(storage.join(self.uri, "cover.jpg"), covers.jpeg(picture, covers.SIDE))
        self._has_common = True

    def _write_lists(self) -> None:
        """Write the lists of articles, as the catalog has them when the last one is written."""
        catalog, version = self._read()
        while True:
            articles = list(_records(catalog).values())
            site = json.dumps(pages.site_record(articles, self._site), ensure_ascii=False).encode()
            _write_changed(storage.join(self.uri, "site.json"), site)
            page = pages.index_page(articles, self._site).encode()
            _write_changed(storage.join(self.uri, "index.html"), page)
            if self._site.address:
                _write_changed(storage.join(self.uri, "feed.xml"), feed(articles, self._site))
            catalog, now = self._read()
            if now == version:
                return
            version = now

    def _remove_old(self, names: Sequence[str], catalog: Mapping[str, Any]) -> None:
        """Remove the versions of articles but the present one and the one before it."""
        for name in names:
            entry = catalog["articles"].get(name, {})
            kept = {entry.get("version"), entry.get("before")}
            folder = storage.join(self.uri, f"articles/{name}")
            found = {
                entry.uri.removeprefix(f"{folder}/").partition("/")[0]
                for entry in storage.list_files(folder)
                if "/" in entry.uri.removeprefix(f"{folder}/")
            }
            for version in found - kept:
                storage.remove(storage.join(folder, version))

    def _remove_gone(self, catalog: Mapping[str, Any]) -> None:
        """Remove the files of articles that are retracted, first the record that leads to them."""
        if not catalog["going"]:
            return
        for name in catalog["going"]:
            folder = storage.join(self.uri, f"articles/{name}")
            storage.remove(storage.join(folder, "article.json"))
            storage.remove(folder)

        def forget(now: dict[str, Any]) -> None:
            now["going"] = [name for name in now["going"] if name not in catalog["going"]]

        self._change(forget)

    def _read(self) -> tuple[dict[str, Any], str]:
        try:
            data, version = storage.read_version(storage.join(self.uri, CATALOG))
        except FileNotFoundError:
            return {"number": 0, "articles": {}, "going": []}, ""
        return json.loads(data), version

    def _change(self, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Change the catalog while others may; returns what it is then. Raises `ReplacedError`."""
        for attempt in range(_ATTEMPTS):
            catalog, version = self._read()
            change(catalog)
            catalog["number"] += 1  # no two versions of the file are the same
            data = json.dumps(catalog, ensure_ascii=False, indent=1).encode()
            try:
                storage.write_version(storage.join(self.uri, CATALOG), data, version)
            except ReplacedError:
                if attempt + 1 == _ATTEMPTS:
                    raise
                continue
            return catalog
        raise AssertionError("the last attempt returns or raises")


def _records(catalog: Mapping[str, Any]) -> dict[str, Published]:
    return {
        name: from_json({key: value for key, value in entry.items() if key != "before"})
        for name, entry in catalog["articles"].items()
    }


def _write_changed(uri: str, data: bytes) -> None:
    """Write a file unless it is there as it is to be."""
    if not (storage.exists(uri) and storage.read_bytes(uri) == data):
        storage.write_bytes(uri, data)
