"""Modality, batch, level, job and data object of a file, by its path in the output.

`batch_manifests/{modality}/{batch}-{level}-{job}/output/{job}/` is a job's folder. Of a tree that is arranged
otherwise a job's folder is what lies above `annotations` and `manifests`, or just the folder of a file; its
name and modality are then those in its manifest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"\d{1,9}")
_ITERATION = re.compile(r"iteration-(\d{1,6})")


@dataclass(frozen=True)
class Place:
    """A file's place. `kind` is what it must be there: sequence, answers, manifest, ignored, "" for any.

    `folder` is its job's folder, from the root of the source's store; what is not known is "" or None.
    """

    kind: str
    folder: str
    modality: str = ""
    batch: str = ""
    level: str = ""
    job: str = ""
    item: int | None = None
    iteration: int | None = None


def place(path: str) -> Place:
    """Return the place of a file by its whole URI: the source may be a folder within a job's."""
    parts = [part for part in path.split("/") if part]
    found = _job_folder(parts)
    if found:
        modality, batch, level, job, depth = found
        kind, item, iteration = _below(parts[depth:])
        return Place(kind, "/".join(parts[:depth]), modality, batch, level, job, item, iteration)
    for depth in range(len(parts) - 2, -1, -1):
        if parts[depth] not in ("annotations", "manifests"):
            continue
        kind, item, iteration = _below(parts[depth:])
        if kind:
            return Place(kind, "/".join(parts[:depth]), item=item, iteration=iteration)
    kind = "" if _may_hold(parts[-1]) else "ignored"
    if parts[-1].endswith(".manifest"):
        # Beside the jobs of such a tree are the inputs of jobs: labels that another job has already.
        kind = "ignored" if "batch_manifests" in parts else "manifest"
    return Place(kind, "/".join(parts[:-1]))


def split(folder: str, job: str) -> tuple[str, str]:
    """Return batch and level of a folder {batch}-{level}-{job}: ("batch-1", "2") of "batch-1-2-cars"."""
    stem = folder.removesuffix(job).removesuffix("-")
    batch, _, level = stem.rpartition("-")
    return (batch, level) if batch else (stem, "")


def _job_folder(parts: Sequence[str]) -> tuple[str, str, str, str, int] | None:
    for index in range(2, len(parts) - 2):
        folder, job = parts[index - 1], parts[index + 1]
        if parts[index] == "output" and (folder == job or folder.endswith(f"-{job}")):
            return parts[index - 2], *split(folder, job), job, index + 2
    return None


def _below(parts: Sequence[str]) -> tuple[str, int | None, int | None]:
    """Return what a file below a job's folder is, with its data object and iteration."""
    match parts:
        case ["annotations", "consolidated-annotation", "output", number, name] if (
            _NUMBER.fullmatch(number) and name.endswith(".json") and _may_hold(name)
        ):
            return "sequence", int(number), None
        case ["annotations", "worker-response", iteration, number, name] if _NUMBER.fullmatch(
            number
        ) and _may_hold(name):
            found = _ITERATION.fullmatch(iteration)
            return "answers", int(number), int(found[1]) if found else None
        case ["manifests", "output", "output.manifest"]:
            return "manifest", None, None
        case ["annotations" | "manifests" | "temp", *_]:
            return "ignored", None, None
        case [*_, name] if _may_hold(name):
            return "", None, None
    return "ignored", None, None


def _may_hold(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")
