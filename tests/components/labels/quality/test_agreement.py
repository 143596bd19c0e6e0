import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from brume.labels.model.quality.agreement import cohen_kappa, fleiss_kappa, interval_alpha, nominal_alpha

# Fleiss (1971), table 1: diagnoses of 30 patients by six psychiatrists each, in five categories.
FLEISS = """
0 0 0 6 0|0 3 0 0 3|0 1 4 0 1|0 0 0 0 6|0 3 0 3 0|2 0 4 0 0|0 0 4 0 2|2 0 3 1 0|2 0 0 4 0|0 0 0 0 6
1 0 0 5 0|1 1 0 4 0|0 3 3 0 0|1 0 0 5 0|0 2 0 3 1|0 0 5 0 1|3 0 0 1 2|5 1 0 0 0|0 2 0 4 0|1 0 2 0 3
0 0 0 0 6|0 1 0 5 0|0 2 0 1 3|2 0 0 4 0|1 0 0 4 1|0 5 0 1 0|4 0 0 0 2|0 2 0 4 0|1 0 5 0 0|0 0 0 0 6
"""
# Krippendorff (2011), section C: four observers, twelve units, nine values missing.
OBSERVERS = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]

RATINGS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=2, max_size=60)


def table(text: str) -> np.ndarray:
    return np.array(
        [[int(n) for n in row.split()] for line in text.split("\n") if line for row in line.split("|")]
    )


def long(rows: list[str]) -> tuple[np.ndarray, np.ndarray]:
    found = [(unit, int(v)) for row in rows for unit, v in enumerate(row.split()) if v != "."]
    return np.array([unit for unit, _ in found]), np.array([value for _, value in found])


def test_cohens_kappa_of_a_two_by_two_table_by_hand() -> None:
    # 20 both yes, 5 yes/no, 10 no/yes, 15 both no: po = 0.7, pe = 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    a = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    b = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert cohen_kappa(a, b) == pytest.approx(0.4)


def test_fleiss_kappa_of_the_psychiatric_diagnoses() -> None:
    counts = table(FLEISS)
    units, codes = np.indices(counts.shape)
    flat = counts.ravel()
    assert fleiss_kappa(np.repeat(units, flat), np.repeat(codes, flat)) == pytest.approx(0.430, abs=5e-4)


def test_alpha_of_krippendorffs_example_with_missing_values() -> None:
    units, values = long(OBSERVERS)
    assert nominal_alpha(units, values) == pytest.approx(0.743, abs=5e-4)
    assert interval_alpha(units, values.astype(float)) == pytest.approx(0.849, abs=5e-4)


def test_alpha_of_two_observers_and_a_binary_value_by_hand() -> None:
    # Krippendorff (2011), section A: ten units, coincidences o00 = 10, o01 = o10 = 4, o11 = 2.
    units, values = long(["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"])
    assert nominal_alpha(units, values) == pytest.approx(0.095, abs=5e-4)


def test_fleiss_takes_the_units_with_the_common_number_of_ratings() -> None:
    units = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3])
    codes = np.array([0, 0, 1, 1, 1, 1, 0, 1, 5])
    assert fleiss_kappa(units, codes) == fleiss_kappa(units[:6], codes[:6])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_cohens_kappa_is_sklearns_and_the_same_both_ways(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    found = cohen_kappa(a, b)
    if found is None:
        assert len(set(a) | set(b)) == 1
        return
    assert found == pytest.approx(cohen_kappa_score(a, b))
    assert found == pytest.approx(cohen_kappa(b, a))
    assert -1 - 1e-9 <= found <= 1 + 1e-9


@given(RATINGS, st.permutations(range(4)), st.randoms(use_true_random=False))
def test_figures_do_not_depend_on_names_or_order(ratings, names, random) -> None:  # type: ignore[no-untyped-def]
    units, codes = np.array(ratings).T
    order = list(range(len(ratings)))
    random.shuffle(order)
    renamed = np.array(names)[codes[order]]
    for figure in (fleiss_kappa, nominal_alpha):
        found, again = figure(units, codes), figure(100 - units[order] * 7, renamed)
        assert (found is None) == (again is None)
        if found is not None:
            assert found == pytest.approx(again)
            assert found <= 1 + 1e-9


@given(RATINGS)
def test_alpha_is_the_definition_written_out(ratings: list[tuple[int, int]]) -> None:
    units, codes = np.array(ratings).T
    groups = [codes[units == unit] for unit in set(units)]
    groups = [group for group in groups if len(group) > 1]
    pairs = [
        (x, y, 1 / (len(g) - 1)) for g in groups for i, x in enumerate(g) for j, y in enumerate(g) if i != j
    ]
    everything = np.concatenate(groups) if groups else np.array([])
    n = len(everything)
    for figure, distance in (
        (nominal_alpha, lambda x, y: x != y),
        (interval_alpha, lambda x, y: (x - y) ** 2),
    ):
        expected = sum(distance(x, y) for x in everything for y in everything) / max(n * (n - 1), 1)
        found = figure(units, codes.astype(float) if figure is interval_alpha else codes)
        if not expected:
            assert found is None
        else:
            assert found == pytest.approx(1 - sum(distance(x, y) * w for x, y, w in pairs) / n / expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(2, 2)), min_size=2, max_size=20))
def test_perfect_agreement_is_one(rows: list[tuple[int, int]]) -> None:
    codes = np.array([code for code, _ in rows])
    if len(set(codes)) == 1:
        return
    units = np.arange(codes.size)
    both = np.tile(units, 2), np.tile(codes, 2)
    assert cohen_kappa(codes, codes) == pytest.approx(1)
    assert fleiss_kappa(*both) == pytest.approx(1)
    assert nominal_alpha(*both) == pytest.approx(1)


def test_nothing_to_compare_is_no_figure() -> None:
    none = np.array([], dtype=np.int64)
    alone, same = np.array([0, 1, 2]), np.zeros(4, dtype=np.int64)
    assert cohen_kappa(none, none) is fleiss_kappa(none, none) is nominal_alpha(none, none) is None
    assert fleiss_kappa(alone, alone) is nominal_alpha(alone, alone) is None
    assert interval_alpha(alone, alone.astype(float)) is interval_alpha(same, same.astype(float)) is None
    assert cohen_kappa(same, same) is nominal_alpha(np.array([0, 0, 1, 1]), same) is None
