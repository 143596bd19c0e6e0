"""Addresses that users give never lead where they may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brume import variables
from brume.inspection.engine.locations import LocationError, Locations, open_locations
from brume.inspection.engine.settings import InspectionSettings


@pytest.fixture
def known(tmp_path: Path) -> Locations:
    for name in ("photos/sub", "data/models", "secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "photos/a.png").write_bytes(b"a")
    (tmp_path / "secret/key").write_bytes(b"k")
    (tmp_path / "photos/away").symlink_to(tmp_path / "secret")
    (tmp_path / "photos/again.png").symlink_to(tmp_path / "photos/a.png")
    folders = {"s3://shop/": str(tmp_path / "photos"), "s3://shop/deep/": str(tmp_path / "photos/sub")}
    return Locations(str(tmp_path / "data"), folders)


def test_an_address_is_found_in_the_folder_that_stands_for_it(known: Locations, tmp_path: Path) -> None:
    assert known.locate("s3://shop/a.png") == str(tmp_path / "photos/a.png")
    assert known.locate("s3://shop/again.png") == str(tmp_path / "photos/a.png")
    assert known.locate("s3://shop/deep/b.png") == str(tmp_path / "photos/sub/b.png")
    assert known.locate("s3://shopping/a.png") == "s3://shopping/a.png"


@pytest.mark.parametrize(
    "address",
    [
        "s3://shop/../secret/key",
        "s3://shop/away/key",
        "s3://shop/sub/../../secret/key",
        "s3://shop/a\0.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://",
        "http://shop/a.png",
        "brume://images/other/a.png",
        "brume://images/mine/../other/a.png",
        "brume://images/mine/",
    ],
)
def test_addresses_that_lead_elsewhere_are_refused(known: Locations, address: str) -> None:
    with pytest.raises(LocationError):
        known.locate(address, "mine")


def test_an_address_of_ones_own_pictures_is_known_to_ones_own_project_alone(known: Locations) -> None:
    address = known.own_address("mine", "a.png")
    assert known.locate(address, "mine") == known.image("mine", "a.png")
    with pytest.raises(LocationError):
        known.locate(address, "other")
    with pytest.raises(LocationError):
        known.locate(address)


def test_nobody_addresses_the_engines_own_files_in_a_store() -> None:
    known = Locations("s3://store/engine", {})
    with pytest.raises(LocationError, match="own files"):
        known.locate("s3://store/engine/models/other/1/bundle/model.tflite")
    assert known.locate("s3://store/engineering/a.png") == "s3://store/engineering/a.png"


def test_a_file_that_is_not_there_is_told(known: Locations) -> None:
    assert known.missing("s3://shop/a.png") is None
    assert known.missing("s3://shop/none.png") == "s3://shop/none.png is not there"
    assert "leads out" in str(known.missing("s3://shop/away/key"))


parts = st.lists(st.sampled_from(["..", ".", "a.png", "sub", "away", "", "key", "\\", "%2e%2e"]), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts)
def test_no_combination_of_parts_leaves_the_folder(known: Locations, names: list[str]) -> None:
    address = "s3://shop/" + "/".join(names)
    base = os.path.realpath(known.folders["s3://shop/"])
    try:
        found = known.locate(address)
    except LocationError:
        return
    assert os.path.realpath(found) == found
    assert found == base or found.startswith(base + os.sep)


def test_what_a_folder_stands_for_has_to_be_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocationError, match="begin with s3://"):
        open_locations(tmp_path, {"photos": str(tmp_path)})
    with pytest.raises(LocationError, match="is no folder"):
        open_locations(tmp_path, {"s3://shop/": str(tmp_path / "none")})
    monkeypatch.setenv("BRUME_COMPUTE", "cluster")
    with pytest.raises(LocationError, match="BRUME_INSPECTION_STORE"):
        open_locations(tmp_path, {})
    monkeypatch.setenv("BRUME_INSPECTION_STORE", "s3://store/engine/")
    assert open_locations(tmp_path, {}, variables.read(InspectionSettings).store).root == "s3://store/engine"
