"""Selection of detectors by cross-validation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.inspection.model import cross_validation, selection
from brume.inspection.model.detectors import Detector, Labels, alignment, global_features, padim
from tests.components.inspection.pictures import SIDE, part


@given(st.integers(10, 60), st.integers(0, 30), st.integers(2, 6), st.integers(0, 9))
def test_folds_hold_each_class_evenly(normal: int, anomalous: int, folds: int, seed: int) -> None:
    labels = np.arange(normal + anomalous) >= normal
    fold = cross_validation.split_folds(labels, folds, seed)
    for value in (False, True):
        counts = np.bincount(fold[labels == value], minlength=folds)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.max() - sizes.min() <= 1


def judged_by(detectors: list[Detector], pictures: np.ndarray, anomalous: np.ndarray) -> list[str]:
    fold = cross_validation.split_folds(anomalous, 3, 0)
    out_of_fold = {}
    for detector in detectors:
        prepared = cross_validation.prepare(detector, pictures)
        out_of_fold[detector.NAME] = cross_validation.cross_validate(
            detector, prepared, Labels(anomalous), fold, 0
        )
    return [candidate.name for candidate in selection.rank(out_of_fold, anomalous, fold)]


@pytest.mark.long
def test_alignment_wins_where_parts_are_shifted_and_a_hole_is_displaced() -> None:
    anomalous = np.arange(30) >= 15
    pictures = np.stack([part(i, displaced=bool(a), shift=8) for i, a in enumerate(anomalous)])
    ranking = judged_by([padim, alignment, global_features], pictures, anomalous)
    assert ranking.index("aligned") < min(ranking.index("padim"), ranking.index("overall"))


def test_the_whole_picture_wins_where_every_normal_picture_is_another() -> None:
    """Normal pictures are flat in any colour, anomalous ones too, but never blue: no position shows that."""
    rng = np.random.default_rng(0)
    anomalous = np.arange(40) >= 20
    colours = rng.uniform(40, 200, (40, 1, 1, 3))
    colours[..., 2] = np.where(anomalous, 40, 200)[:, None, None] + rng.uniform(-30, 30, (40, 1, 1))
    colours[:20, ..., 2] *= rng.integers(0, 2, (20, 1, 1))
    colours[:20, ..., 1] = np.where(colours[:20, ..., 2] < 60, 30, colours[:20, ..., 1])
    noise = rng.normal(0, 3, (40, SIDE, SIDE, 3))
    pictures = np.clip(colours + noise, 0, 255).astype(np.uint8)
    ranking = judged_by([padim, alignment, global_features], pictures, anomalous)
    assert ranking.index("overall") < min(ranking.index("padim"), ranking.index("aligned"))


@pytest.mark.parametrize("good", ["first", "second"])
def test_the_informative_one_is_chosen(good: str) -> None:
    rng = np.random.default_rng(0)
    anomalous = np.arange(60) >= 40
    fold = cross_validation.split_folds(anomalous, 4, 0)
    out_of_fold = {}
    for name in ("first", "second"):
        outer = rng.normal(size=(60, 8)) + (2.0 * anomalous[:, None] if name == good else 0)
        out_of_fold[name] = cross_validation.OutOfFold(outer, np.stack([outer] * 4), None)
    candidates = selection.rank(out_of_fold, anomalous, fold)
    assert good in candidates[0].detectors
    assert candidates[-1].name == ("second" if good == "first" else "first")
    assert candidates[-1].auroc < 0.8 < candidates[0].auroc


def test_no_score_has_seen_its_own_picture() -> None:
    """A detector that remembers its training pictures scores every one of them as unseen."""

    class Memory:
        """A double that gives 1 for a picture it was fitted on, else 0."""

        NAME, NEEDS = "memory", ""

        def fit(self, prepared: tuple[np.ndarray, ...], labels: Labels, seed: int) -> object:
            import tensorflow as tf

            from brume.inspection.model.detectors import Scored

            known = set(prepared[0].ravel().tolist())

            def model(given: list[tf.Tensor]) -> Scored:
                return Scored(tf.constant([[float(x in known)] for x in given[0].numpy().ravel()]))

            return model

    anomalous = np.arange(20) >= 12
    fold = cross_validation.split_folds(anomalous, 4, 0)
    identity = (np.arange(20, dtype=np.float32)[:, None],)
    out_of_fold = cross_validation.cross_validate(Memory(), identity, Labels(anomalous), fold, 0)  # type: ignore[arg-type]
    assert (out_of_fold.outer == 0).all()
    assert (out_of_fold.inner == 0).all()


def test_without_anomalous_pictures_all_detectors_count_and_nothing_is_nested() -> None:
    anomalous = np.zeros(12, bool)
    fold = cross_validation.split_folds(anomalous, 3, 0)
    pictures = np.stack([part(i, shift=1) for i in range(12)])
    prepared = cross_validation.prepare(padim, pictures)
    out_of_fold = cross_validation.cross_validate(padim, prepared, Labels(anomalous), fold, 0, nested=False)
    assert len(out_of_fold.inner) == 0
    candidate = selection.combine({"padim": out_of_fold, "other": out_of_fold}, anomalous)
    assert candidate.detectors == ("padim", "other")
    assert (candidate.auroc, candidate.loss) == (None, None)
    assert candidate.scores.mean() == pytest.approx(0, abs=0.1)
