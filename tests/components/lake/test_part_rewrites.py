"""Parts of a lake that are merged: few files, and no more of them in memory at once than is bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from brume.lake import part_rewrites
from brume.records.model.lake import Lake

COLUMNS = ("type", "id", "system", "value", "file")


def test_small_parts_are_merged_in_groups_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    parts = [
        lake.write("identifiers", pa.table({name: pa.array([str(number)]) for name in COLUMNS}))
        for number in range(20)
    ]
    monkeypatch.setattr(part_rewrites, "MERGED_BYTES", 9 * max(part.size for part in parts))
    add, remove = part_rewrites.merge(lake, parts)
    assert [part.rows for part in add] == [9, 9]
    assert remove == parts[:18]

    def rows(some: list[Any]) -> list[Any]:
        state = lake.commit(lake.snapshot(), add=some, remove=[])
        return sorted(row["id"] for row in lake.table("identifiers", state).to_pylist())

    assert rows([*add, *parts[18:]]) == sorted(map(str, range(20)))
