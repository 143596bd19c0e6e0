"""What every ingest of files into a lake does: starting again, rows taken back, parts merged, the commit.

A source's files are rows of a table of the lake, with their size, version and digest. A run reads those that
are new or changed, and commits once, at its end: a run that is killed leaves the lake as it was. When another
run has committed meanwhile, it starts again, and does only what that one did not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from brume.lake import part_rewrites
from brume.lake.lake import ConflictError, Lake, Part, Snapshot
from brume.run import progress

_ATTEMPTS = 10
Row = dict[str, Any]
Partition = tuple[str, ...]
_T = TypeVar("_T")


@dataclass
class Result:
    """What became of some files: parts that no state names yet, and rows of the tables files and rejects.

    `unchanged` are files whose content is what it was, `lost` those that were gone before they were read.
    """

    parts: list[Part] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)
    unchanged: list[Row] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Take over what another part of the work found."""
        self.parts += other.parts
        self.files += other.files
        self.rejects += other.rejects
        self.unchanged += other.unchanged
        self.lost += other.lost


def until_committed(lake: Lake, attempt: Callable[[Snapshot], _T], stage: str) -> _T:
    """Call `attempt` with the present state, and again with the next one while it raises `ConflictError`.

    `stage` is the name under which progress is reported. Raises the error of the tenth attempt.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return attempt(lake.snapshot())
        except ConflictError:
            progress.report(stage, 0, 1, "another run has committed: starting again")
    return attempt(lake.snapshot())


def files_after(
    known: Mapping[str, Row],
    wanted: Collection[str],
    result: Result,
    partitions: Callable[[Row], Iterable[Partition]],
) -> tuple[list[Row], dict[Partition, set[str]]]:
    """Return the rows of `files` after a run, and the files whose earlier rows are to go, by partition.

    `known` are the rows before, `wanted` the files that the source has; `partitions` returns those that the
    rows of a file are in.
    """
    read = {row["file"] for row in result.files}
    unchanged = {row["file"] for row in result.unchanged}
    lost = set(result.lost)
    after = [*result.files, *result.unchanged]
    gone: dict[Partition, set[str]] = defaultdict(set)
    for name, row in known.items():
        if name in read or name in lost or name not in wanted:
            for partition in partitions(row):
                gone[partition].add(name)
        elif name not in unchanged:
            after.append(row)
    return after, dict(gone)


def rewritten(
    lake: Lake,
    before: Sequence[Part],
    new: Sequence[Part],
    gone: Mapping[Partition, set[str]],
    written: list[Part],
) -> tuple[list[Part], set[Part]]:
    """Return the parts that hold the rows now, after taking back and merging, and those they replace.

    `before` are parts of the state, `new` those that were read; what this writes is added to `written`.
    """
    taken, removed = part_rewrites.take_back(lake, before, gone)
    written += taken
    parts = [part for part in [*before, *new, *taken] if part not in set(removed)]
    merged, small = part_rewrites.merge(lake, parts)
    written += merged
    out = {*removed, *small}
    return [part for part in [*parts, *merged] if part not in out], out


def commit(
    lake: Lake,
    snapshot: Snapshot,
    tables: Collection[str],
    *,
    written: Sequence[Part],
    removed: Collection[Part],
    replaced: Sequence[Part],
) -> Snapshot:
    """Make the next state: what was written, without the removed and replaced parts; returns it.

    `removed` may hold parts that were written in this run and merged at once: their files are removed.
    Raises `ConflictError` if another run has changed one of `tables` since.
    """
    after = lake.commit_over_others(
        snapshot,
        tables,
        add=[part for part in written if part not in removed],
        remove=[*(part for part in snapshot.all_parts if part in removed), *replaced],
    )
    lake.discard(part for part in written if part in removed)
    return after
