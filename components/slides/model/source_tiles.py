"""Reading windows of an image that is stored in source tiles, each of them decoded once.

Source tiles are decoded in the row order of the windows, into a buffer that the processor's cache holds, and
copied from there into each window that they overlap.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size in pixels, and level-0 pixels per pixel."""

    width: int
    height: int
    downsample: float


class UnsupportedTileError(Exception):
    """A source tile that a reader does not understand."""


@dataclass(frozen=True)
class Grid:
    """Where the source tiles of a level are: their size in pixels, their offsets and lengths in bytes."""

    width: int  # of a source tile
    height: int
    across: int  # source tiles in a row
    offsets: Sequence[int]
    counts: Sequence[int]


class SourceTiles(ABC):
    """Reads windows of the levels of a file, each a grid of source tiles."""

    def __init__(self, path: Path, grids: Sequence[Grid]) -> None:
        self.grids = grids
        self._file = os.open(path, os.O_RDONLY)
        self._damaged: set[tuple[int, int]] = set()  # level and index of source tiles

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    @abstractmethod
    def decode(self, level: int, index: int, into: Pixels) -> None:
        """Decode source tile ``index`` of a level into ``into``, uint8 [tile height, tile width, 3].

        Raises `UnsupportedTileError`.
        """

    def read(self, level: int, index: int) -> bytes:
        """Return the bytes of a source tile."""
        grid = self.grids[level]
        return os.pread(self._file, grid.counts[index], grid.offsets[index])

    def windows(
        self, level: int, corners: Sequence[tuple[int, int]], width: int, height: int
    ) -> Iterator[Pixels]:
        """Yield windows as ``Slide.windows`` does.

        Source tiles that several windows share are held from the first to the last use, so corners in row
        order keep at most about one row of source tiles; every buffer is used again, as fresh pages of
        memory cost more than the copying.
        """
        grid = self.grids[level]
        covers = [_cover(grid, x, y, width, height) for x, y in corners]
        uses = Counter(index for cover in covers for index in cover)
        shape = self.source_shape(level)
        scratch, window = np.empty(shape, np.uint8), np.empty((height, width, 3), np.uint8)
        held: dict[int, Pixels] = {}
        spare: list[Pixels] = []
        for (x, y), cover in zip(corners, covers, strict=True):
            for index in cover:
                source = held.get(index)
                if source is None:
                    source = scratch
                    if uses[index] > 1:
                        source = held[index] = spare.pop() if spare else np.empty(shape, np.uint8)
                    self.decode(level, index, source)
                top, left = index // grid.across * grid.height - y, index % grid.across * grid.width - x
                part = source[max(0, -top) : height - top, max(0, -left) : width - left]
                top, left = max(0, top), max(0, left)
                window[top : top + part.shape[0], left : left + part.shape[1]] = part
                uses[index] -= 1
                if not uses[index] and source is not scratch:
                    spare.append(held.pop(index))
            yield window

    def is_damaged(self, level: int, x: int, y: int, width: int, height: int) -> bool:
        """Return whether a window that was read touches a source tile whose data is damaged."""
        return bool(self._damaged) and any(
            (level, index) in self._damaged for index in _cover(self.grids[level], x, y, width, height)
        )

    def source_shape(self, level: int) -> tuple[int, int, int]:
        """Return the shape of a level's source tiles: height, width, 3."""
        return self.grids[level].height, self.grids[level].width, 3

    def sources(self, level: int, corners: Sequence[tuple[int, int]], width: int, height: int) -> set[int]:
        """Return the indices of the source tiles that windows touch."""
        grid = self.grids[level]
        return {index for x, y in corners for index in _cover(grid, x, y, width, height)}


def _cover(grid: Grid, x: int, y: int, width: int, height: int) -> list[int]:
    """Return the indices of the source tiles that a window touches."""
    columns = range(x // grid.width, (x + width - 1) // grid.width + 1)
    rows = range(y // grid.height, (y + height - 1) // grid.height + 1)
    return [row * grid.across + column for row in rows for column in columns]
