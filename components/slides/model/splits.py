"""The split of a cohort into train, valid and test, by patient or by site.

A unit is a patient, or a site with all its patients. Its split is its own: a number from 0 to 1, by a hash of
its name and the seed, is below 0.1 for test, below 0.3 for valid. So that small cohorts have every class in
every split, the lowest of a class is in test in any case, the next in valid at least, and the highest in
train if no other is. A unit that is added can then move no other, but for such of its classes; and none from
test to train, except among a handful of units of several classes. What was placed before, by hand or by an
earlier run, stays.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from brume.slides.model.labels import LabelledSlide, LabelsError

SPLITS = ("train", "valid", "test")
_TEST_BELOW, _VALID_BELOW = 0.1, 0.3
_IN_EACH = 3  # units of a class from which on it is in every split


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
    classes: dict[str, list[str]] = defaultdict(list)
    for unit in sorted(units, key=lambda name: (places[name], name)):
        for label in units[unit]:
            classes[label].append(unit)
    members = [classes[label] for label in sorted(classes)]
    found = {unit: _natural(place) for unit, place in places.items()}
    # A unit that comes before others makes them second where they were first: from test to valid at most.
    for own in members:
        if len(own) >= _IN_EACH and found[own[1]] == "train":
            found[own[1]] = "valid"
    first = {own[0] for own in members if len(own) > 1}
    found |= dict.fromkeys(first, "test")
    found |= fixed
    for split, least, which in (("train", 1, -1), ("valid", _IN_EACH, 0)):
        for own in members:
            free = [unit for unit in own if unit not in fixed and unit not in first]
            if len(own) >= least and free and not any(found[unit] == split for unit in own):
                found[free[which]] = split
    return found


def _natural(place: float) -> str:
    return "test" if place < _TEST_BELOW else "valid" if place < _VALID_BELOW else "train"
