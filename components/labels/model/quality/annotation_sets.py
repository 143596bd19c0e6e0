"""All labels of one job as arrays: each worker's answers, and the consolidated labels.

An annotation set is one answer for one item, or the item's consolidated labels. Everything that is compared
later is a pair of sets.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brume.labels.model.quality import polylines
from brume.labels.model.quality.arrays import Codes, Flags, Floats, dense

CLASS = "class"
FRAME = "frame: "  # before the name of an attribute of a frame
LABEL_COLUMNS = (
    *("item", "frame_no", "kind", "class", "object_id", "object_name"),
    *("left", "top", "width", "height", "vertices", "start", "end", "attributes"),
)


@dataclass(frozen=True)
class Subject:
    """One thing that labels say, as the class or an attribute: a code is a place in `names`, -1 nothing.

    `values` are the numbers that the names of a measured attribute are, None of anything else.
    """

    codes: Codes
    names: tuple[str, ...]
    values: Floats | None = None

    def text(self, code: int) -> str:
        """Return the value that a code stands for."""
        return self.names[code] if code >= 0 else "nothing"


@dataclass(frozen=True)
class AnnotationSets:
    """The sets of a job and their labels, as parallel arrays; labels are in the order of their sets."""

    item: Codes  # of each set, as are `answer` and `worker`
    answer: Codes  # its row among the answers; -1 of consolidated labels
    worker: Codes  # a place in `workers`; -1 of consolidated labels
    workers: tuple[str, ...]
    set_number: Codes  # of each label, as is all that follows
    frame: Codes  # its number; -1 outside of sequences
    kind: Subject
    box: Floats  # (labels, 4): left, top, width, height in pixels, NaN where it has none
    track: Codes  # a number for each object of a set; -1 without object
    object_id: Subject
    object_name: Subject
    span: Codes  # (labels, 2): start and end in characters; -1 where it has none
    vertices: pa.Array
    subjects: dict[str, Subject]

    def of_kind(self, *kinds: str) -> Flags:
        """Mark the labels that are of one of these kinds."""
        return np.isin(
            self.kind.codes, [self.kind.names.index(kind) for kind in kinds if kind in self.kind.names]
        )

    def name_of(self, label: int) -> str | None:
        """Return what a label's object is called: its name, or its id where it has none."""
        for subject in (self.object_name, self.object_id):
            if subject.codes[label] >= 0:
                return subject.text(int(subject.codes[label]))
        return None

    def described(self, label: int) -> str | None:
        """Return what a sentence calls a label: its object, or the box by its place; None of others."""
        left, top = self.box[label, :2]
        box = f"Box at {left:.0f}, {top:.0f}" if np.isfinite(left) and np.isfinite(top) else None
        return self.name_of(label) or box

    def id_of(self, label: int) -> str | None:
        """Return the id of a label's object, or its name where it has none."""
        code = int(self.object_id.codes[label])
        return self.object_id.text(code) if code >= 0 else self.name_of(label)

    @functools.cached_property
    def thing(self) -> Codes:
        """Return a number for each label, equal for those of one object of a set; below 0 without one."""
        return np.where(self.track >= 0, self.track, -1 - np.arange(self.track.size))

    @functools.cached_property
    def consolidated(self) -> Flags:
        """Mark the consolidated labels."""
        return np.asarray(self.answer[self.set_number] < 0)

    @property
    def bounds(self) -> Codes:
        """Return where each set's labels begin, and the last ones end."""
        return np.searchsorted(self.set_number, np.arange(self.item.size + 1))

    @functools.cached_property
    def outlines(self) -> Floats:
        """Return the line of each label as `polylines.likeness` takes it; NaN of labels that are none."""
        column = self.vertices
        offsets = np.asarray(column.offsets.to_numpy(), dtype=np.int64)
        points = column.values.slice(offsets[0], offsets[-1] - offsets[0])
        corners = np.stack([_floats(pc.struct_field(points, name)) for name in ("x", "y")], axis=1)
        placed = np.isfinite(corners).all(axis=1)
        label = np.repeat(np.arange(self.set_number.size), np.diff(offsets))
        count = np.bincount(label[placed], minlength=self.set_number.size)
        return polylines.resampled(corners[placed], count, self.of_kind("polygon"))


def build(labels: pa.Table, frames: pa.Table, answers: pa.Table, answer_labels: pa.Table) -> AnnotationSets:
    """Put the lake's rows of one job together.

    `labels` and `frames` have the columns LABEL_COLUMNS and (item, frame_no, attributes), `answers` (item,
    worker, file, answer), `answer_labels` LABEL_COLUMNS and (file, answer). Labels of an answer that is not
    there are left out.
    """
    given = answer_labels.append_column("row", pa.array(_rows(answers, answer_labels)))
    given = given.filter(pc.greater_equal(given["row"], 0))
    framed = frames.append_column("kind", pa.array(["frame"] * len(frames), pa.string()))
    made = pa.concat_tables([labels.select(LABEL_COLUMNS), framed], promote_options="default")
    every = pa.concat_tables([made, given.select([*LABEL_COLUMNS, "row"])], promote_options="default")
    for name in ("kind", CLASS, "object_id", "object_name"):  # names are few beside labels
        every = every.set_column(every.schema.get_field_index(name), name, _encoded(every[name]))
    row = numbers(every["row"])
    item = numbers(every["item"])
    # Every answer is a set, that it has no labels is an answer too; every labelled item is one.
    made_items = np.unique(item[row < 0])
    answered = numbers(answers["item"])
    set_number = np.where(row < 0, np.searchsorted(made_items, item), made_items.size + row)
    order = np.argsort(set_number, kind="stable")
    every = every.take(pa.array(order))
    workers = _encoded(answers["worker"])
    none = np.full(made_items.size, -1)
    objects = _subject(every["object_id"])
    return AnnotationSets(
        item=np.concatenate([made_items, answered]),
        answer=np.concatenate([none, np.arange(len(answers))]),
        worker=np.concatenate([none, numbers(workers.indices)]),
        workers=tuple(workers.dictionary.to_pylist()),
        set_number=set_number[order],
        frame=numbers(every["frame_no"]),
        kind=_subject(every["kind"]),
        box=np.stack([_floats(every[name]) for name in ("left", "top", "width", "height")], axis=1),
        track=np.where(objects.codes >= 0, dense(set_number[order], objects.codes), -1),
        object_id=objects,
        object_name=_subject(every["object_name"]),
        span=np.stack([numbers(every["start"]), numbers(every["end"])], axis=1),
        vertices=every["vertices"].combine_chunks(),
        subjects=_subjects(every, pc.equal(every["kind"], "frame").to_numpy()),
    )


def numbers(column: pa.ChunkedArray | pa.Array) -> Codes:
    """Return a column of whole numbers, -1 where it is null."""
    filled = pc.fill_null(column.cast(pa.int64()), -1)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def _floats(column: pa.ChunkedArray | pa.Array) -> Floats:
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)


def _rows(answers: pa.Table, labels: pa.Table) -> Codes:
    """Return the row of `answers` that each label belongs to, -1 for none."""
    files = pa.concat_arrays([*answers["file"].chunks, *labels["file"].chunks]).dictionary_encode().indices
    number = np.concatenate([numbers(answers["answer"]), numbers(labels["answer"])])
    key = dense(numbers(files), number)
    known, wanted = key[: len(answers)], key[len(answers) :]
    row = np.full(int(key.max(initial=0)) + 1, -1)
    row[known] = np.arange(known.size)
    return np.asarray(row[wanted])


def _encoded(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks().dictionary_encode()


def _subject(column: pa.ChunkedArray) -> Subject:
    encoded = column.combine_chunks()
    return Subject(numbers(encoded.indices), tuple(encoded.dictionary.to_pylist()))


def _subjects(table: pa.Table, framed: Flags) -> dict[str, Subject]:
    found = {CLASS: _subject(table[CLASS])}
    column = table["attributes"].combine_chunks()
    offsets = np.asarray(column.offsets.to_numpy(), dtype=np.int64)
    first, last = offsets[0], offsets[-1]
    rows = np.repeat(np.arange(len(table)), np.diff(offsets))
    keys = column.keys.slice(first, last - first).dictionary_encode()
    values = column.items.slice(first, last - first).dictionary_encode()
    texts = values.dictionary.to_pylist()
    key, value = numbers(keys.indices), numbers(values.indices)
    for number, name in enumerate(keys.dictionary.to_pylist()):
        for of_frame, before in ((False, ""), (True, FRAME)):
            chosen = (key == number) & (framed[rows] == of_frame)
            if not (value[chosen] >= 0).any():
                continue
            used, codes = np.unique(value[chosen], return_inverse=True)
            shift = int(used[0] < 0)
            spread = np.full(len(table), -1)
            spread[rows[chosen]] = codes - shift
            names = tuple(texts[code] for code in used[shift:])
            found[before + name] = Subject(spread, names, _measured(names))
    return found


def _measured(names: tuple[str, ...]) -> Floats | None:
    """Return the numbers that all of an attribute's values are; two alone may be a yes and a no."""
    try:
        values = np.array([float(name) for name in names])
    except ValueError:
        return None
    return values if values.size > 2 and np.isfinite(values).all() else None
