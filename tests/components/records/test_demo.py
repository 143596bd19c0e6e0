"""The generator: the same bytes in every run, with every kind of fact."""

from __future__ import annotations

from pathlib import Path

import pytest

from brume.records import demo
from brume.records.demo.__main__ import main
from tests.components.records.conftest import Export


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    made = {name: demo.generate(tmp_path / name, 12, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))}
    assert made["a"] == made["b"] != made["c"]
    assert tree(tmp_path / "a") == tree(tmp_path / "b") != tree(tmp_path / "c")
    assert demo.Truth.load(tmp_path / "a" / demo.TRUTH) == made["a"]


def test_the_smallest_demo_is_made_and_a_smaller_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seed 4 has no name with a letter outside ASCII among its first patients."""
    for seed in (0, 4):
        assert demo.generate(tmp_path / str(seed), demo.FEWEST, seed).notes
    monkeypatch.setattr("sys.argv", ["demo", str(tmp_path / "none"), "--patients", "1"])
    with pytest.raises(SystemExit):
        main()
    assert "--patients 1: the planted faults need 2 or more" in capsys.readouterr().err


def test_a_folder_is_taken_over_or_replaced_and_no_other_is_touched(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo.generate(folder, 12)
    marked = folder / "mark"
    marked.write_text("x")
    demo.generate(folder, 12)
    assert marked.exists()
    demo.generate(folder, 12, seed=1)
    assert not marked.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    with pytest.raises(FileExistsError, match="no generated export"):
        demo.generate(tmp_path / "mine", 12)
    assert (tmp_path / "mine/file").read_text() == "mine"


def test_every_kind_of_fact_is_planted(export: Export) -> None:
    planted = {(fact.kind, fact.planted) for note in export.truth.notes for fact in note.facts}
    assert planted >= {
        *(
            ("condition", way)
            for way in ("plain", "abbreviation", "negated", "family", "historical", "possible")
        ),
        *(("symptom", way) for way in ("plain", "negated", "hypothetical")),
        *(("drug", way) for way in ("plain", "misspelt")),
        *(("personal", way) for way in ("NAME", "AGE", "PHONE", "ADDRESS", "ID", "DATE", "EMAIL")),
    }
    assert export.truth.deleted and export.truth.replaced
