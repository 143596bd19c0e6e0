"""The files of slides: which slides a folder holds, and local copies of remote ones.

MIRAX has a folder of data beside its file, Hamamatsu's VMS a few pictures, DICOM the files of a series.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from brume import storage
from brume.slides.model.dicom import DicomError, Instance, read_instance

_OPENSLIDE = frozenset(  # what OpenSlide 4 opens
    [".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".dcm", ".vms", ".vmu", ".svslide", ".czi"]
)
SUFFIXES = _OPENSLIDE | {".btf", ".qptiff", ".tf8"}  # and other names of TIFF files
# Slides of formats that nothing here reads.
UNREAD = frozenset(
    [
        ".afi",
        ".dzi",
        ".i2syntax",
        ".isyntax",
        ".j2k",
        ".jp2",
        ".jpx",
        ".kfb",
        ".mds",
        ".sdpc",
        ".tmap",
        ".vsi",
    ]
)
CONVERT = "convert it to a pyramidal TIFF or DICOM, with QuPath or Bio-Formats for example"


@dataclass(frozen=True)
class SlideFile:
    """A slide: the file that it is opened by, and all its files, whose content makes the slide.

    The size of `entry` is that of all files, and its version changes with any of them. `problem` is why the
    slide cannot be used, "" when nothing is known against it, and `remedy` what would help.
    """

    entry: storage.Entry
    files: tuple[storage.Entry, ...]
    problem: str = ""
    remedy: str = ""


def find_slides(folder: str) -> dict[str, SlideFile]:
    """Return every slide below `folder` by its path there; one that cannot be used has the reason with it.

    A DICOM series is one slide: that of a folder by the folder's path, of several in one folder each by its
    file, or by the folder and the series' UID when it has several files. Links are followed. Raises
    `FileNotFoundError` when the folder is absent, and `brume.storage.StorageError` when it cannot be reached.
    """
    if not storage.is_remote(folder):
        folder = str(Path(folder))
    entries = storage.list_files(folder)
    if not entries and not storage.exists(folder):
        raise FileNotFoundError(f"{folder} is not there")
    root = storage.join(folder, "")
    paths = {PurePosixPath(entry.uri.removeprefix(root)): entry for entry in entries}
    found = _hidden(paths) | _broken_links(folder)
    shown = {path: entry for path, entry in paths.items() if not _hidden_part(path)}
    found |= _dicom(shown)
    for path, entry in shown.items():
        suffix = path.suffix.lower()
        if suffix in UNREAD:
            found[str(path)] = SlideFile(entry, (entry,), f"{suffix} files are not read", CONVERT)
        elif suffix in SUFFIXES and suffix != ".dcm":
            found[str(path)] = _joined(entry, _beside(path, shown))
    return found


def _hidden_part(path: PurePosixPath) -> str:
    """Return the path up to its first part that starts with a dot, "" when there is none."""
    for number, part in enumerate(path.parts, start=1):
        if part.startswith("."):
            return str(PurePosixPath(*path.parts[:number]))
    return ""


def _hidden(paths: Mapping[PurePosixPath, storage.Entry]) -> dict[str, SlideFile]:
    """Return hidden files and folders with slides. Names with ._ are macOS's notes on other files."""
    found: dict[str, SlideFile] = {}
    for path, entry in paths.items():
        hidden = _hidden_part(path)
        if hidden and path.suffix.lower() in SUFFIXES | UNREAD and not path.name.startswith("._"):
            problem = "hidden: its name starts with a dot"
            found.setdefault(hidden, SlideFile(entry, (entry,), problem, "rename it, if it is wanted"))
    return found


def _broken_links(folder: str) -> dict[str, SlideFile]:
    """Return the links to slides that are gone. Raises `StorageError` when the folder of one is gone too."""
    found: dict[str, SlideFile] = {}
    if storage.is_remote(folder):
        return found
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.suffix.lower() not in SUFFIXES or not path.is_symlink() or path.exists():
                continue
            target = Path(os.path.realpath(path))
            if not target.parent.exists():
                raise storage.StorageError(
                    f"{path} is a link to {target}, whose folder is not there: is the disk mounted?"
                )
            entry = storage.Entry(str(path), 0, "")
            problem = f"a link to {target}, which is not there"
            found[path.relative_to(folder).as_posix()] = SlideFile(entry, (entry,), problem)
    return found


def _beside(path: PurePosixPath, among: Mapping[PurePosixPath, storage.Entry]) -> list[storage.Entry]:
    """Return the files that belong to a slide of several files, besides its own."""
    if path.suffix.lower() == ".mrxs":
        return [entry for other, entry in among.items() if path.with_suffix("") in other.parents]
    if path.suffix.lower() in (".vms", ".vmu"):
        return [
            entry
            for other, entry in among.items()
            if other != path and other.parent == path.parent and other.name.startswith(path.stem)
        ]
    return []


def _joined(first: storage.Entry, others: Iterable[storage.Entry] = ()) -> SlideFile:
    files = (first, *others)
    if len(files) == 1:
        return SlideFile(first, files)
    versions = repr(sorted((file.uri, file.size, file.version) for file in files))
    version = hashlib.sha256(versions.encode()).hexdigest()
    return SlideFile(storage.Entry(first.uri, sum(file.size for file in files), version), files)


def _maybe_dicom(path: PurePosixPath) -> bool:
    """Return whether a file may be one of DICOM: archives give no suffix, or end the name with a number."""
    suffix = path.suffix.lower()
    return suffix in (".dcm", "") or suffix[1:].isdecimal()


def _dicom(paths: Mapping[PurePosixPath, storage.Entry]) -> dict[str, SlideFile]:
    """Return the slides of DICOM files, and what is no slide among the files that end in .dcm."""
    found: dict[str, SlideFile] = {}
    series: dict[PurePosixPath, dict[str, list[tuple[PurePosixPath, Instance]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for path, instance in _instances({path: paths[path] for path in paths if _maybe_dicom(path)}).items():
        if isinstance(instance, Instance) and instance.whole_slide:
            series[path.parent][instance.series].append((path, instance))
        elif path.suffix.lower() == ".dcm":
            problem = (
                "a DICOM file, but not of a whole-slide image" if not isinstance(instance, str) else instance
            )
            found[str(path)] = SlideFile(paths[path], (paths[path],), problem)
    for folder, here in series.items():
        for uid, members in here.items():
            levels = [path for path, instance in members if instance.kind == "VOLUME"]
            if len(here) == 1 and folder.parts:
                name = str(folder)
            else:
                name = str(levels[0]) if len(levels) == 1 else str(folder / uid)
            if levels:
                first, *rest = (paths[path] for path in levels)
                found[name] = _joined(first, rest)
            else:
                entry = paths[members[0][0]]
                kinds = ", ".join(sorted({instance.kind for _, instance in members}))
                found[name] = SlideFile(
                    entry, (entry,), f"its DICOM series has no VOLUME image, only {kinds}"
                )
    return found


def _instances(paths: Mapping[PurePosixPath, storage.Entry]) -> dict[PurePosixPath, Instance | str]:
    """Read the DICOM header of each file, or why it has none."""

    def read(entry: storage.Entry) -> Instance | str:
        try:
            with storage.open_read(entry.uri) as stream:
                return read_instance(stream)
        except DicomError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(paths, pool.map(read, paths.values()), strict=True))


def fetch(uri: str, folder: Path) -> Path:
    """Return a local path that OpenSlide can open: the slide's own, or a copy in `folder` with all its files.

    Raises `FileNotFoundError` when the slide is not in its folder, and `brume.storage.StorageError` when it
    cannot be reached: its object store does not answer, or the folder, a disk perhaps, is not there either.
    """
    try:
        return _fetch(uri, folder)
    except FileNotFoundError as error:
        parent = uri.rsplit("/", 1)[0] if "/" in uri else "."
        # The store of a bucket that exists answers for any of its keys; a bucket that does not is no folder.
        if storage.is_remote(uri):
            if not _has_bucket(uri):
                raise storage.StorageError(f"{uri}: its bucket is not there: check the address") from error
        elif not storage.exists(parent or "/"):
            raise storage.StorageError(f"{uri}: its folder is not there: is the disk mounted?") from error
        raise


def _has_bucket(uri: str) -> bool:
    """Return whether the bucket of a URI holds anything."""
    scheme, rest = uri.split("://", 1)
    try:
        return bool(storage.exists(f"{scheme}://{rest.split('/', 1)[0]}"))
    except FileNotFoundError:
        return False


def _fetch(uri: str, folder: Path) -> Path:
    if storage.is_remote(uri):
        for entry, place in _others(uri):
            storage.fetch(entry.uri, folder / place)
    return storage.fetch(uri, folder)


def _others(uri: str) -> list[tuple[storage.Entry, PurePosixPath]]:
    """Return the other files of a remote slide, each with the folder below the slide's own that it is in."""
    name = PurePosixPath(storage.name_of(uri))
    several = name.suffix.lower() in (".mrxs", ".vms", ".vmu")
    if not several and not _maybe_dicom(name):
        return []
    parent = uri[: -len(storage.name_of(uri))]
    paths = {PurePosixPath(e.uri.removeprefix(parent)): e for e in storage.list_files(parent)}
    if several:
        beside = {entry.uri for entry in _beside(name, paths)}
    else:
        near = {path: entry for path, entry in paths.items() if len(path.parts) == 1 and _maybe_dicom(path)}
        found = _instances(near)
        own = found.get(name)
        beside = {near[path].uri for path, instance in found.items() if path != name and instance == own}
    return [(entry, path.parent) for path, entry in paths.items() if entry.uri in beside]
