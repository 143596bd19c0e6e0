"""No count under 11 is shown, nor can one be worked out from those that are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.records.model.overview.disclosure import Disclosure
from brume.records.model.overview.tables import Members

LEAST = 11


def some(size: int, *, of: int = 60, first: int = 0) -> Members:
    members = np.zeros(of, dtype=bool)
    members[first : first + size] = True
    return members


def test_a_count_under_eleven_is_not_shown() -> None:
    shown = Disclosure(some(60))
    assert [shown.may_show(some(size)) for size in (0, 1, 10, 11)] == [False, False, False, True]


def test_a_count_is_not_shown_beside_one_that_differs_by_few() -> None:
    shown = Disclosure(some(60))
    shown.add(some(40))
    assert not shown.may_show(some(39)), "one patient would be known"
    assert not shown.may_show(some(45))
    assert not shown.may_show(some(55)), "five of all would be known"
    assert shown.may_show(some(40)) and shown.may_show(some(29))
    assert shown.may_show(some(40, first=20)), "neither is within the other"


def test_a_single_hidden_cell_hides_another() -> None:
    shown = Disclosure(some(60))
    cells = {"few": some(4), "some": some(20, first=4), "many": some(36, first=24)}
    assert shown.shown(cells) == {"many"}
    assert shown.shown({"none": some(0), "all": some(60)}) == {"all"}


def test_hidden_cells_together_are_enough() -> None:
    shown = Disclosure(some(60))
    cells = {"a": some(2), "b": some(3, first=2), "c": some(15, first=5), "d": some(40, first=20)}
    assert shown.shown(cells) == {"d"}, "a and b are five patients"


def test_a_pair_is_shown_where_each_field_of_four_may_be() -> None:
    shown = Disclosure(some(60))
    assert shown.may_show_pair(some(30), some(30, first=15)), "15 have both, 15 each alone, 15 neither"
    assert not shown.may_show_pair(some(30), some(25)), "5 have one alone"
    assert not shown.may_show_pair(some(35), some(35, first=20)), "5 have neither"
    assert not shown.may_show_pair(some(30), some(20, first=25)), "5 have both"


def test_three_counts_do_not_give_a_small_set_away_together() -> None:
    shown = Disclosure(some(60))
    one, other = some(30), some(27, first=29)
    for members in (one, other):
        assert shown.may_show(members)
        shown.add(members)
    assert not shown.may_show(one | other), "30 and 27 less 56: one patient is in both"
    assert shown.may_show(some(15)), "another set may still be shown"


def test_no_sequence_of_conditions_isolates_a_patient() -> None:
    """Each set is far from every other; of all six together one patient would be the rest."""
    parts = [some(12, first=12 * number) for number in range(5)]
    patient = some(1, first=59)
    shown = Disclosure(some(60))
    asked = [parts[0] | parts[1], parts[1] | parts[2], parts[2] | parts[3], parts[3] | parts[4]]
    asked.append((parts[0] | parts[4]) & ~patient)
    seen = []
    for members in asked:
        if shown.may_show(members):
            shown.add(members)
            seen.append(members)
    known = np.array([some(60), *seen], dtype=float)
    rest = np.linalg.lstsq(known.T, patient.astype(float), rcond=None)[0]
    assert not np.allclose(known.T @ rest, patient)
    assert len(seen) >= 4


sets = st.integers(0, 2**24 - 1).map(
    lambda bits: np.array([bool(bits >> place & 1) for place in range(24)], dtype=bool)
)


@settings(max_examples=30, deadline=None)
@given(st.lists(sets, max_size=12), st.data())
def test_nothing_shown_gives_away_a_small_set(asked: list[Members], data: st.DataObject) -> None:
    disclosure = Disclosure(np.ones(24, dtype=bool))
    shown = [np.ones(24, dtype=bool)]
    for members in asked:
        names = data.draw(st.lists(st.sampled_from("abcd"), min_size=24, max_size=24))
        if disclosure.may_show(members):
            disclosure.add(members)
            shown.append(members)
        cells = {name: members & np.array([one == name for one in names]) for name in "abcd"}
        if any((members == one).all() for one in shown):
            visible = disclosure.shown(cells)
            hidden = [cells[name] for name in cells if name not in visible]
            for one in [cells[name] for name in visible] + [np.logical_or.reduce(hidden)] * bool(hidden):
                if one.any():
                    disclosure.add(one)
                    shown.append(one)
    for one, other in combinations(shown, 2):
        for small, large in ((one, other), (other, one)):
            if (small & ~large).sum() == 0:
                assert (large & ~small).sum() not in range(1, LEAST)
    assert all(one.sum() >= LEAST for one in shown)
