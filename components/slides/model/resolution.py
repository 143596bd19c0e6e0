"""The resolution that a cohort is cut at, so that all its tiles show tissue at one scale."""

from __future__ import annotations

import statistics
from collections.abc import Collection
from typing import NamedTuple

from brume.slides.model.cohort import CohortError

# Resolutions that differ by no more than this share count as one.
ALIKE = 0.1


class Scan(NamedTuple):
    """What is known of how a slide was scanned: microns per level-0 pixel (0.0: unknown), and from where.

    `mpp_from` is slide, labels, objective, or assumed; `objective` the magnification, 0.0 when unknown.
    """

    slide: str
    mpp: float = 0.0
    mpp_from: str = ""
    objective: float = 0.0
    vendor: str = ""


def common_mpp(known: Collection[float]) -> float:
    """Return the microns per pixel to cut at: what slides that are alike have, or else the coarsest.

    No slide has to be enlarged then. 0.0 when nothing is known.
    """
    if not known:
        return 0.0
    return round(statistics.median(known) if are_alike(known) else max(known), 4)


def are_alike(known: Collection[float]) -> bool:
    """Return whether resolutions, in microns per pixel, differ by no more than `ALIKE`."""
    return not known or max(known) <= min(known) * (1 + ALIKE)


def check_tiles(scans: Collection[Scan]) -> float:
    """Return the microns per pixel of slides that were cut as they are, 0.0 when no slide says its own.

    Raises `CohortError` when they differ, or some are unknown: a model would learn the scanner.
    """
    known = [scan.mpp for scan in scans if scan.mpp]
    if unknown := [scan.slide for scan in scans if not scan.mpp]:
        if known:
            raise CohortError(
                f"{len(unknown)} of {len(scans)} slides do not give their microns per pixel, {unknown[0]} "
                "for one, and the others do: add a column mpp to the labels, or give assume_mpp"
            )
        return 0.0
    if not are_alike(known):
        raise CohortError(
            f"the slides have {min(known):g} to {max(known):g} microns per pixel: give mpp={max(known):g} to "
            "cut all at the coarsest"
        )
    return common_mpp(known)
