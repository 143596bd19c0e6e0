"""The table of what is set aside."""

from __future__ import annotations

from pathlib import Path

from brume.run.rejects import Reject, read_rejects, write_rejects


def test_rejects_stand_in_the_order_of_their_files_and_lines(tmp_path: Path) -> None:
    items = ["a-2.ndjson, line 9", "a-2.ndjson, line 10", "a-010.ndjson", "b.ndjson, line " + "9" * 5000, "c"]
    rejects = [Reject(item, "ingest", "reason") for item in reversed(items)]
    write_rejects(rejects, str(tmp_path / "rejects.csv"), "line")
    assert [one.item for one in read_rejects(str(tmp_path / "rejects.csv"))] == items
