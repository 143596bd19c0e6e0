"""The pictures of a folder, an s3:// prefix or a manifest, as manifest lines.

In a folder the label of a picture is the name of the nearest folder around it that is called `normal` or
`anomaly`, as the service's console labelled them. A manifest is taken as it stands, except that relative
addresses are read from the manifest's own folder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from brume import storage
from brume.aws import addresses
from brume.inspection.model.images import ImageError, decode
from brume.inspection.model.manifest import write_line
from brume.inspection.pipeline.uploads import LABELS, label_of
from brume.run.rejects import Reject, unreachable

SUFFIXES = (".jpg", ".jpeg", ".png")
MANIFESTS = (".manifest", ".jsonl", ".json")
_READERS = 4
_REMEDY = "move it into a folder called normal or anomaly, or name a manifest"


class SourceError(ValueError):
    """Pictures that cannot be used as a whole; the message names the place and the remedy."""


@dataclass(frozen=True)
class Picture:
    """One picture: its URI, its name for people, and whether it is anomalous, if known."""

    uri: str
    name: str
    anomalous: bool | None


@dataclass(frozen=True)
class Source:
    """What was found: pictures, each with its manifest line, and what was set aside."""

    pictures: Sequence[Picture]
    lines: Sequence[str]
    rejects: Sequence[Reject]


def is_manifest(uri: str) -> bool:
    """Return whether `uri` names a manifest rather than a folder."""
    return uri.lower().endswith(MANIFESTS)


def named_files(uri: str) -> list[str]:
    """Return the pictures and masks that a manifest names, as a step finds them; none for a folder."""
    if not is_manifest(uri):
        return []
    found = []
    home = _home(uri)
    for text in storage.read_bytes(uri).decode("utf-8", "replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            found += [addresses.for_step(address) for address in _addresses(line, home).values()]
    return found


def _home(manifest: str) -> str:
    return manifest.rsplit("/", 1)[0] if "/" in manifest else "."


def _addresses(line: Mapping[str, Any], home: str) -> dict[str, str]:
    """Return the addresses in a manifest's line by key; those without a scheme are relative to `home`."""
    return {
        key: value if "://" in value else addresses.for_service(storage.join(home, value))
        for key, value in line.items()
        if key.endswith("-ref") and isinstance(value, str)
    }


def read(uri: str, *, labelled: bool) -> Source:
    """Read a folder, prefix or manifest; each picture is opened to see that it can be used.

    With `labelled`, pictures without a label are set aside. Raises `SourceError` when nothing is left, and
    `OSError` or `StorageError` when a file cannot be reached.
    """
    step = "images" if labelled else "trial"
    source = _manifest(uri, step) if is_manifest(uri) else _folder(uri, labelled, step)
    with ThreadPoolExecutor(_READERS) as pool:
        faults = list(pool.map(_fault, source.pictures))
    kept = [
        (picture, line)
        for picture, line, fault in zip(source.pictures, source.lines, faults, strict=True)
        if not fault
    ]
    found = zip(source.pictures, faults, strict=True)
    rejects = [*source.rejects, *(Reject(picture.name, step, fault) for picture, fault in found if fault)]
    if not kept:
        reasons = "; ".join(f"{reject.item}: {reject.reason}" for reject in rejects[:3])
        wanted = "pictures in folders called normal and anomaly" if labelled else "JPEG or PNG pictures"
        remedy = ": sort them into such folders, or name a manifest" if labelled else ""
        raise SourceError(
            f"{uri} holds no {wanted}" + (f" that can be used ({reasons})" if reasons else "") + remedy
        )
    return Source([picture for picture, _ in kept], [line for _, line in kept], rejects)


def _folder(uri: str, labelled: bool, step: str) -> Source:
    pictures, lines, rejects = [], [], []
    root = uri.rstrip("/") + "/"
    for found in storage.list_files(uri):
        name = found.uri.removeprefix(root)
        if not name.lower().endswith(SUFFIXES):
            continue
        label = label_of(name)
        if labelled and label is None:
            rejects.append(Reject(name, step, "it lies in no folder called normal or anomaly", _REMEDY))
            continue
        pictures.append(Picture(found.uri, name, label))
        lines.append(
            write_line(addresses.for_service(found.uri), label, time.time(), "labeling-job/folder-name")
        )
    return Source(pictures, lines, rejects)


def _manifest(uri: str, step: str) -> Source:
    """Read the lines of a manifest; their labels are checked by the service."""
    pictures, lines, rejects = [], [], []
    home = _home(uri)
    for number, text in enumerate(storage.read_bytes(uri).decode("utf-8", "replace").splitlines(), start=1):
        if not text.strip():
            continue
        place = f"{storage.name_of(uri)}, line {number}"
        try:
            line = json.loads(text)
            address = str(line["source-ref"])
        except (ValueError, KeyError, TypeError) as error:
            rejects.append(Reject(place, step, f"no JSON object with a source-ref: {error}"))
            continue
        line |= _addresses(line, home)
        pictures.append(
            Picture(addresses.for_step(line["source-ref"]), "/".join(address.split("/")[-2:]), _label(line))
        )
        lines.append(json.dumps(line))
    return Source(pictures, lines, rejects)


def _label(line: dict[str, Any]) -> bool | None:
    for key, about in line.items():
        if key.endswith("-metadata") and isinstance(about, dict) and "class-name" in about:
            return LABELS.get(str(about["class-name"]).lower())
    return None


def _fault(picture: Picture) -> str:
    """Return why a picture cannot be used, "" when it can; one that cannot be reached raises its error."""
    try:
        decode(storage.read_bytes(picture.uri))
    except ImageError as error:
        return str(error)
    except (OSError, storage.StorageError) as error:
        if unreachable(error):
            raise
        return f"it cannot be read: {error}"
    return ""
