"""Plan an ingest: the files to read, what is known of each, and the job it belongs to."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from brume import storage
from brume.labels.model.ingest.drift import natural
from brume.labels.model.ingest.layout import place
from brume.labels.model.ingest.reading.chunks import Task, is_misplaced
from brume.labels.model.ingest.reading.files import Context

_CHUNK_BYTES = 8 << 20
_CHUNK_FILES = 4_000
Row = dict[str, Any]


def tasks_of(source: str, known: dict[str, Row], modalities: Sequence[str]) -> dict[str, Task]:
    """Return the files of a source that may hold something, by name; `known` are rows of the table `files`.

    Raises `FileNotFoundError` when the source holds no file at all.
    """
    base = storage.absolute(source).rstrip("/")
    entries = storage.list_files(base)
    if not entries:
        raise FileNotFoundError(
            f"{source} holds no file, or is one: "
            "give the folder that Ground Truth writes to (batch_manifests)"
        )
    tasks = {}
    for entry in entries:
        where = place(entry.uri)
        name = _readable(entry.uri[len(base) + 1 :])
        if where.kind == "ignored" or (modalities and where.modality and where.modality not in modalities):
            continue
        tasks[name] = Task(name, entry.uri, entry.size, entry.version, where, known.get(name))
    return _numbered(tasks)


def _readable(name: str) -> str:
    """Return a file's name as text: bytes that are no UTF-8 are spelt out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _numbered(tasks: dict[str, Task]) -> dict[str, Task]:
    """Number the data objects of files whose place does not: by their order in their folder."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for name, task in tasks.items():
        if task.place.kind == "" and task.place.item is None and not task.place.job:
            by_folder[task.place.folder].append(name)
    for names in by_folder.values():
        ordered = sorted(names, key=lambda name: ("SeqLabel" not in name, natural(name)))
        for number, name in enumerate(ordered):
            task = tasks[name]
            tasks[name] = replace(task, place=replace(task.place, item=number))
    return tasks


def context_of_place(task: Task) -> Context:
    """Return what is known of a file's job from its place alone."""
    where = task.place
    return Context(where.modality, where.batch, where.level, where.job)


def contexts_of(tasks: Iterable[Task], manifests: dict[str, list[Row]]) -> list[tuple[Task, Context]]:
    """Return files with what is known of their jobs; `manifests` holds manifests' facts, by job's folder."""
    found: dict[str, Context] = {}
    listed = []
    for task in tasks:
        folder = task.place.folder
        if folder not in found:
            found[folder] = _context(task, manifests.get(folder, ()))
        listed.append((task, found[folder]))
    return listed


def _context(task: Task, manifests: Sequence[Row]) -> Context:
    """Return what is known of the job of a folder from its place and its manifests' facts."""
    context = context_of_place(task)
    if not context.job:
        named = [facts for facts in manifests if facts["task"].startswith("video")] or list(manifests)
        manifests = named if len({facts["job"] for facts in named}) == 1 else []
        context = replace(context, job=task.place.folder.rpartition("/")[2])
        if manifests:
            context = replace(context, job=manifests[0]["job"], modality=manifests[0]["modality"])
    classes: dict[str, str] = {}
    for facts in manifests:
        classes = {**facts["classes"], **classes}
    task_type = next((facts["task"] for facts in manifests), "")
    return replace(context, task=task_type, classes=tuple(sorted(classes.items())))


def pieces(
    tasks: Iterable[tuple[Task, Context]], modalities: Sequence[str]
) -> list[tuple[list[Task], Context]]:
    """Return the files that are to be read in pieces of one job and of bounded size, the longest first."""
    by_context: dict[tuple[str, Context], list[Task]] = defaultdict(list)
    for task, context in tasks:
        if _changed(task, context, modalities):
            by_context[task.place.folder, context].append(task)
    found = [(chunk, context) for (_, context), some in by_context.items() for chunk in _chunks(some)]
    # The longest first, so that no process works alone at the end.
    return sorted(found, key=lambda piece: -sum(task.size for task in piece[0]))


def _changed(task: Task, context: Context, modalities: Sequence[str]) -> bool:
    known = task.known
    if known is None or (known["size"], known["version"]) != (task.size, task.version):
        return True
    if known["facts"]["context"] != context.digest() or known["facts"]["item"] != task.place.item:
        return True
    return is_misplaced(known, modalities)


def _chunks(tasks: Sequence[Task]) -> Iterable[list[Task]]:
    chunk: list[Task] = []
    size = 0
    for task in sorted(tasks, key=lambda task: (task.place.kind, task.place.item or 0, task.file)):
        if chunk and (size + task.size > _CHUNK_BYTES or len(chunk) >= _CHUNK_FILES):
            yield chunk
            chunk, size = [], 0
        chunk.append(task)
        size += task.size
    if chunk:
        yield chunk
