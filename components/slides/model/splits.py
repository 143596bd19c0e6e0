"""The split of a cohort into train, valid and test, by patient or by site.

A unit is a patient, or a site with all its patients. Its split is its own: a number from 0 to 1, by a hash of
its name and the seed, is below 0.1 for test, below 0.3 for valid. So that small cohorts have every class in
every split, the lowest of a class is in test in any case, the next in valid and the highest in train. A unit
that is added or taken away can then move no other, but for one whose class it takes such a place in; and none
from test to train. What was placed before, by hand or by an earlier run, stays.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from brume.slides.model.labels import LabelledSlide, LabelsError

SPLITS = ("train", "valid", "test")
_TEST_BELOW, _VALID_BELOW = 0.1, 0.3


def split_cohort(
    rows: Iterable[LabelledSlide], seed: int, *, by: str = "patient", placed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the split (train, valid or test) of each slide.

    All slides of a unit, `by` patient or site, have the same. `placed` maps patients to the splits that they
    have already. The result depends on the arguments alone, not on the order of rows. Raises `LabelsError`
    when a slide has no site, or a site has patients placed in two splits.
    """
    rows, placed = list(rows), dict(placed or {})
    if by == "site" and (without := sorted(row.slide for row in rows if not row.site)):
        raise LabelsError(
            f"split_by=site, but {len(without)} slides have no site, {without[0]} for one: add a column site "
            "to the labels, or split by patient"
        )
    units: dict[str, set[str]] = defaultdict(set)
    fixed: dict[str, str] = {}
    for row in rows:
        unit = row.site if by == "site" else row.patient
        units[unit].add(row.label)
        split = row.split or placed.get(row.patient, "")
        if split and fixed.setdefault(unit, split) != split:
            raise LabelsError(
                f"{by} {unit} has patients in the splits {fixed[unit]} and {split}: place them alike"
            )
    found = _assign(units, {unit: _place(seed, unit) for unit in units}, fixed)
    return {row.slide: found[row.site if by == "site" else row.patient] for row in rows}


def _place(seed: int, name: str) -> float:
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _assign(
    units: Mapping[str, set[str]], places: Mapping[str, float], fixed: Mapping[str, str]
) -> dict[str, str]:
    """Return the split of each unit, from its place and the places of its classes."""
    found = {
        unit: "test" if place < _TEST_BELOW else "valid" if place < _VALID_BELOW else "train"
        for unit, place in places.items()
    }
    found.update((unit, split) for unit, split in fixed.items())
    classes: dict[str, list[str]] = defaultdict(list)
    for unit in sorted(units, key=lambda name: (places[name], name)):
        for label in units[unit]:
            classes[label].append(unit)
    kept = set(fixed)

    def give(split: str, least: int, *, last: bool = False) -> None:
        """Put a unit of each class of `least` units or more into a split, unless one is kept there.

        That is the first by its place (or the last), but none of another split's while the class has more.
        """
        for _, members in sorted(classes.items()):
            free = [unit for unit in members if unit not in kept]
            there = any(found[unit] == split for unit in members if unit in kept)
            if there or not free or len(members) < least:
                continue
            own = [unit for unit in free if split != "valid" or found[unit] != "test"] or free
            chosen = own[-1 if last else 0]
            found[chosen] = split
            kept.add(chosen)

    give("test", 2)
    give("train", 1, last=True)
    give("valid", 3)
    return found
