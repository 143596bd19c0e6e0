"""Estimate true classes from several answers, weighted by workers' error rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brume.labels.model.quality.arrays import Codes, Floats

MOST = 50  # classes: more make confusion matrices that no worker's answers can fill
# What is taken of a worker before their answers: four right answers and one wrong in each class.
RIGHT, WRONG = 4.0, 1.0
_ROUNDS, _SETTLED = 100, 1e-6


@dataclass(frozen=True)
class Posterior:
    """Of each unit the probability of each class (units, classes), and of each worker the confusion (workers,
    true class, answered class).
    """

    probability: Floats
    confusion: Floats


def dawid_skene(units: Codes, workers: Codes, codes: Codes, classes: int) -> Posterior:
    """Estimate the true classes of units and the workers' confusions from ratings, in turns.

    Ratings are the unit, the worker and the code (below `classes`) of each; units and workers are numbered
    from 0 on. This is the EM algorithm of Dawid and Skene ("Maximum likelihood estimation of observer
    error-rates using the EM algorithm", 1979), begun at the shares of the votes, with a Dirichlet prior on
    each row of the confusion (RIGHT, WRONG), so that a worker with few answers is neither always right nor
    always wrong.
    """
    size, people = int(units.max(initial=-1)) + 1, int(workers.max(initial=-1)) + 1
    prior = np.full((classes, classes), WRONG / max(classes - 1, 1))
    np.fill_diagonal(prior, RIGHT)
    votes = np.bincount(units * classes + codes, minlength=size * classes).reshape(size, classes)
    probability: Floats = votes / votes.sum(axis=1, keepdims=True)
    for _ in range(_ROUNDS):
        share = (probability.sum(axis=0) + 1) / (size + classes)
        confusion = np.empty((people, classes, classes))
        for true in range(classes):
            counts = np.bincount(
                workers * classes + codes, probability[units, true], minlength=people * classes
            ).reshape(people, classes)
            confusion[:, true] = counts + prior[true]
        confusion /= confusion.sum(axis=2, keepdims=True)
        before, probability = probability, posterior(units, workers, codes, confusion, share)
        if np.abs(probability - before).max(initial=0) < _SETTLED:
            break
    return Posterior(probability, confusion)


def posterior(units: Codes, workers: Codes, codes: Codes, confusion: Floats, share: Floats) -> Floats:
    """Return the probability of each class for each unit by Bayes' rule, the workers erring on their own."""
    size, classes = int(units.max(initial=-1)) + 1, share.size
    likelihood = np.log(confusion)[workers, :, codes]
    logs = np.log(share) + np.stack(
        [np.bincount(units, likelihood[:, true], minlength=size) for true in range(classes)], axis=1
    )
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
