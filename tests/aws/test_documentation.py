"""The generated pages of docs/, and the settings that they list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from brume import variables
from brume.aws.engine import catalog, documentation
from brume.aws.engine.resources import NOT_IMPLEMENTED
from brume.pipelines.cli import main
from brume.variables import VariableError, number, quantity, size, variable

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "made"), [("operations", documentation.operations), ("settings", documentation.settings)]
)
def test_a_generated_page_is_that_of_the_code(name: str, made: object) -> None:
    assert callable(made)
    written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert written == made(), "write it again: make reference"


def test_every_refused_operation_gives_its_reason() -> None:
    services = [service for name in catalog.names() for service in catalog.load(name).OFFERED]
    refused = [one for service in services for one in service.operations() if not one.resource]
    assert refused
    assert [one.name for one in refused if one.reason == NOT_IMPLEMENTED] == []


def test_every_variable_of_the_product_is_in_the_table() -> None:
    listed = set(re.findall(r"`(BRUME_[A-Z_]+)`", documentation.settings()))
    sources = [path for room in ("components", "pipelines") for path in (ROOT / room).rglob("*.py")]
    used = {
        name for path in sources for name in re.findall(r"BRUME_[A-Z][A-Z_]*[A-Z]", path.read_text("utf-8"))
    }
    assert used == listed


def test_an_engine_prints_its_settings(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from brume.aws.engine import run

    monkeypatch.setenv("BRUME_INSPECTION_UNIT_CPU", "3")
    run.main(["inspection", "--settings"])
    shown = capfd.readouterr().out
    assert "BRUME_INSPECTION_UNIT_CPU=3" in shown
    assert "BRUME_DATABASE=" in shown
    assert "--settings" in CliRunner().invoke(main, ["engine", "--help"]).output


@dataclass(frozen=True)
class Example:
    """Settings of the tests."""

    name: str = variable("EXAMPLE_NAME", "a", "a name")
    size: int = variable("EXAMPLE_SIZE", 5, "a size", parse=size)
    count: int = variable("EXAMPLE_COUNT", 3, "a count", parse=number)
    share: str = variable("EXAMPLE_SHARE", "2", "a share", parse=quantity)


def test_settings_are_read_by_type() -> None:
    assert variables.read(Example, {}) == Example("a", 5, 3, "2")
    given = {"EXAMPLE_NAME": "b", "EXAMPLE_SIZE": "2 kb", "EXAMPLE_COUNT": "9", "EXAMPLE_SHARE": " 500m "}
    assert variables.read(Example, given) == Example("b", 2048, 9, "500m")
    assert variables.read(Example, {"EXAMPLE_SIZE": "  "}).size == 5


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("EXAMPLE_SIZE", "0", "must be a number above 0"),
        ("EXAMPLE_COUNT", "2KB", "must be a number above 0"),
        ("EXAMPLE_SHARE", "two", "must be a quantity"),
    ],
)
def test_a_value_of_another_form_is_named(name: str, text: str, part: str) -> None:
    with pytest.raises(VariableError, match=f"{name}={text} {part}"):
        variables.read(Example, {name: text})
