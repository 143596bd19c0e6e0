"""The programs of a cluster, built by the Go client from their modules, and kept.

`modules/NAME/go.mod` pins a version, `modules/NAME/packages` lists the programs. They are built in a copy of
that folder, where the Go client writes what follows from the pins, and its checksum database vouches for it.
Lines of `packages` that are not names of packages: `# comment`, `cgo` (build with the C compiler),
`set VARIABLE=VALUE` (a string of the program, to the linker: its version), and `link MODULE/FILE OTHER`: a
symbolic link to another file of the same folder, which a module's archive cannot hold.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

MODULES = Path(__file__).resolve().parent.parent / "modules"


class Unavailable(RuntimeError):
    """A part of the cluster that this machine lacks; the message has reason and remedy."""


def cache() -> Path:
    """Return the folder, outside the project, that keeps what was built."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brume" / "cluster"


def objects() -> Path:
    """Return the folder of compiled packages, of no use once the programs are built: gigabytes."""
    return cache() / "go-build"


def folder(name: str) -> Path:
    """Return the folder with the programs of `modules/NAME`; the first time, build them.

    Raises `Unavailable` with the Go client's last lines where that fails.
    """
    source = MODULES / name
    packages, settings = _read(source / "packages")
    digest = hashlib.sha256(_go_version().encode())
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(source)}\0".encode() + file.read_bytes())
    built = cache() / f"{name}-{digest.hexdigest()[:12]}"
    if built.exists():
        return built
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two sessions started together build it once
        if built.exists():
            return built
        print(f"cluster: building {name} ({len(packages)} programs, once)", file=sys.stderr, flush=True)
        partial = built.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        sources = partial.with_suffix(".source")
        shutil.rmtree(sources, ignore_errors=True)
        shutil.copytree(source, sources)
        partial.mkdir()
        linker = " ".join(["-s", "-w", *(f"-X={value}" for word, value in settings if word == "set")])
        build = ["build", "-mod=mod", "-trimpath", f"-ldflags={linker}", "-o", f"{partial}/"]
        for word, value in settings:
            if word == "link":
                _link(name, value, sources)
        environment = os.environ | {
            "CGO_ENABLED": str(int(("cgo", "") in settings)),
            "GOCACHE": str(objects()),
        }
        _go([*build, *packages], sources, environment)
        shutil.rmtree(sources)
        partial.rename(built)
    return built


def _read(file: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the packages that a file lists, and its other lines as pairs of a word and what follows it."""
    packages: list[str] = []
    settings: list[tuple[str, str]] = []
    for line in file.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word in ("cgo", "set", "link"):
            settings.append((word, rest))
        elif line and word != "#":
            packages.append(line)
    return packages, settings


def _link(name: str, link: str, sources: Path) -> None:
    """Build from a copy of a module that has the link: Go lets nothing be added to its own copy."""
    file, other = link.split()
    module = json.loads(_go(["mod", "edit", "-json", "go.mod"], sources))
    path = next(one["Path"] for one in module["Require"] if file.startswith(f"{one['Path']}/"))
    copy = sources / "linked" / path
    shutil.copytree(module_dir(name, path), copy)
    added = copy / file.removeprefix(f"{path}/")
    added.parent.chmod(0o755)
    added.symlink_to(other)
    _go(["mod", "edit", f"-replace={path}=./{copy.relative_to(sources)}"], sources)


@functools.cache
def module_dir(name: str, path: str) -> Path:
    """Return the folder with the source of module `path` in the version that `modules/NAME` pins."""
    output = _go(["mod", "download", "-json", f"{path}@{version(name, path)}"], Path("/"))
    return Path(json.loads(output)["Dir"])


def version(name: str, path: str) -> str:
    """Return the version of module `path` that `modules/NAME` pins."""
    output = _go(["mod", "edit", "-json", str(MODULES / name / "go.mod")], Path("/"))
    return next(str(one["Version"]) for one in json.loads(output)["Require"] if one["Path"] == path)


def system(*names: str, package: str) -> Path:
    """Return the first of these programs that the system has; `package` is Debian's name of it."""
    for name in names:
        if found := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            return Path(found)
    raise Unavailable(f"{names[0]} is not here: apt-get install {package}")


@functools.cache
def _go_version() -> str:
    return _go(["version"], Path("/"))


def _go(arguments: list[str], where: Path, environment: dict[str, str] | None = None) -> str:
    go = shutil.which("go")
    if not go:
        raise Unavailable("the Go client is not here, which builds the cluster's programs: install Go 1.26")
    done = subprocess.run(
        [go, *arguments],
        cwd=where,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(f"  {line}" for line in done.stderr.splitlines()[-15:])
        raise Unavailable(f"go {' '.join(arguments[:2])} failed:\n{last}")
    return done.stdout
