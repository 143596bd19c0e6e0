"""The code that a stage's result depends on: modules and libraries, as far as they are imported."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest


def plain() -> None:
    """Do nothing, in a module that imports none of the packages below."""


def write_module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A package of the test's own in the place of this one, as the digest of code sees it."""
    from brume.run import code

    root = tmp_path / "brume"
    root.mkdir()

    def find(name: str) -> Path | None:
        head, *parts = name.split(".")
        file = root.joinpath(*parts).with_suffix(".py")
        return file if head == "brume" and parts and file.is_file() else None

    monkeypatch.setattr(code, "_file", find)
    monkeypatch.setattr(code, "_read", code._read.__wrapped__)
    return lambda name, text: write_module(root, name, text)


def test_code_counts_as_far_as_it_is_imported(package: Callable[[str, str], None]) -> None:
    from brume.run.code import code_digest

    text = "from brume import used\nPROGRAM = 'brume.program'\ndef f():\n    from brume import late\n"
    package("top", text)
    for name in ("used", "late", "program", "other"):
        package(name, "X = 1\n")
    before = code_digest("brume.top")
    package("other", "X = 2\n")
    assert code_digest("brume.top") == before
    seen = {before}
    for name in ("used", "late", "program"):
        package(name, "X = 2\n")
        seen.add(code_digest("brume.top"))
    assert len(seen) == 4
    with pytest.raises(ModuleNotFoundError, match=r"brume\.absent"):
        code_digest("brume.absent")


def test_libraries_are_those_that_the_code_imports(package: Callable[[str, str], None]) -> None:
    from brume.run.code import function_libraries

    package("program", "import numpy\nfrom PIL import Image\nimport json\n")
    assert set(function_libraries(plain, ["brume.program"])) >= {"numpy", "pillow"}
    assert "duckdb" not in function_libraries(plain, ["brume.program"])


SYSTEMS = {"slides", "inspection", "labels", "captions", "narration", "records"}


@pytest.mark.parametrize(
    "name", ["slides", "slides_predict", "inspection", "labels", "captions", "narration", "records"]
)
def test_the_code_of_a_stage_is_that_of_no_other_system(name: str) -> None:
    """An edit in one system does not start the runs of another again."""
    from brume.pipelines.running import catalog
    from brume.run import code

    own = name.partition("_")[0]
    for found in catalog.load(name).component.stages:
        modules = code.function_modules(found.function, found.runs)
        systems = {module.split(".")[1] for module in modules if module.startswith("brume.")}
        assert systems & SYSTEMS <= {own}, found.name


def test_the_code_of_a_stage_is_all_that_its_result_is_made_by() -> None:
    from brume.run import code
    from brume.slides.pipeline import results, stages

    for found, module in (
        (stages.cut_tiles, "brume.slides.model.slide_tiles"),
        (stages.train_model, "brume.slides.model.training"),
        (results.predict_tiles, "brume.slides.model.predictor"),
        (results.score_slides, "brume.slides.model.metrics"),
    ):
        assert module in code.function_modules(found.function, found.runs)
    assert "brume.slides.model.training" not in code.function_modules(stages.cut_tiles.function)


def test_distributions_are_those_that_the_standard_library_finds() -> None:
    import importlib.metadata
    import re

    from brume.run import code

    named = {
        top: sorted({re.sub(r"[-_.]+", "-", name).lower() for name in names})
        for top, names in importlib.metadata.packages_distributions().items()
        if len(set(names)) <= code._SHARED
    }
    assert code._distributions() == named


def test_a_tree_that_another_one_disturbed_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython 3.11 fails to parse when a traceback is formatted by what is collected meanwhile."""
    from brume.run import code

    parse, calls = ast.parse, 0

    def disturbed(source: str | bytes) -> ast.Module:
        nonlocal calls
        calls += 1
        if calls % 3:
            raise SystemError("AST constructor recursion depth mismatch (before=162, after=36)")
        return parse(source)

    before = code.function_digest(plain)
    monkeypatch.setattr(ast, "parse", disturbed)
    assert code.function_digest(plain) == before
    monkeypatch.setattr(ast, "parse", lambda source: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        code.function_digest(plain)
