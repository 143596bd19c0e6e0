"""The configuration: what is wrong is listed whole, by field, with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from brume_edge import checks
from brume_edge.config import ConfigError, Fault, load
from brume_edge.settings import given

from tests.edge.conftest import EDGE
from tests.edge.conveyor import write_config


def faults(path: Path, text: str) -> dict[str, Fault]:
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    for fault in raised.value.faults:
        assert str(fault) in str(raised.value)
        assert fault.remedy
    return {fault.field: fault for fault in raised.value.faults}


def test_the_example_is_good_and_shows_the_defaults(tmp_path: Path) -> None:
    text = (EDGE / "brume-edge.toml").read_text()
    example = load(EDGE / "brume-edge.toml")
    assert example.decide_within == pytest.approx(0.88)
    assert example.view == pytest.approx(0.2)
    (tmp_path / "pictures").mkdir()
    # With every key that is commented out in force, nothing changes but what only some need.
    lines = []
    for line in text.splitlines():
        key = line.removeprefix("# ").split(" = ")[0]
        lines.append(line[2:] if line.startswith("# ") and key.isidentifier() and " = " in line else line)
    (tmp_path / "all.toml").write_text("\n".join(lines))
    whole = load(tmp_path / "all.toml")
    for name in ("line", "beam", "pusher", "service", "bundle", "data", "keep", "metrics", "mqtt", "log"):
        assert getattr(whole, name) == getattr(example, name)
    for table in vars(whole).values():
        for key in vars(table):
            assert f"{key} = " in text, f"{key} is not in the example"


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    text = write_config(tmp_path, "http://192.0.2.1", "").read_text()
    text = text.replace("pin = 17", 'pin = "seventeen"').replace("pulse_ms = 8", "pulse_ms = -1")
    text = text.replace("debounce_ms", "debounce").replace('kind = "folder"', 'kind = "webcam"')
    text = (
        text.replace('project = "bricks"', "").replace("[keep]", "[keap]").replace("port = 0", "port = true")
    )
    found = faults(tmp_path / "bad.toml", text)
    assert set(found) == {
        "beam.pin",
        "beam.debounce",
        "pusher.pulse_ms",
        "camera.kind",
        "service.project",
        "keap",
        "metrics.port",
    }
    assert "debounce_ms" in found["beam.debounce"].remedy
    assert found["keap"].remedy == "did you mean keep?"
    assert found["camera.kind"].remedy == 'set it to "picamera2" or "usb" or "folder"'
    assert "missing" in found["service.project"].problem


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("pin = 27", "pin = 17", "pusher.pin"),
        ("pulse_ms = 8", "pulse_ms = 30", "pusher.pulse_ms"),
        ("debounce_ms = 3", "debounce_ms = 40", "beam.debounce_ms"),
        ("spacing_ms = 40", "spacing_ms = 40\ndecide_within_ms = 300", "line.decide_within_ms"),
        ("delay_ms = 260", "delay_ms = 15", "line.decide_within_ms"),
        ("view_ms = 40", "view_ms = 50", "camera.view_ms"),
        ("view_ms = 40", "delay_ms = 250", "camera.delay_ms"),
        ("retry_first_s = 0.05", "retry_first_s = 5", "service.retry_first_s"),
        ('project = "bricks"', 'project = "../bricks"', "service.project"),
        ("http://127.0.0.1:9", "http://192.0.2.1", "service.endpoint"),
        ("http://127.0.0.1:9", "https://user:word@example.org", "service.endpoint"),
        ("http://127.0.0.1:9", "ftp://example.org", "service.endpoint"),
        ("http://127.0.0.1:9", "https://example.org:port", "service.endpoint"),
        ("http://127.0.0.1:9", "https://example.org/?a=b", "service.endpoint"),
    ],
)
def test_fields_that_contradict_are_reported(tmp_path: Path, before: str, after: str, field: str) -> None:
    text = write_config(tmp_path, "http://127.0.0.1:9", "").read_text()
    assert before in text
    assert field in faults(tmp_path / "bad.toml", text.replace(before, after))


@pytest.mark.parametrize("text", ["[line", "[line]\nname = 'a'\nname = 'b'", "\0"])
def test_what_is_not_toml_is_reported(tmp_path: Path, text: str) -> None:
    assert "TOML" in faults(tmp_path / "bad.toml", text)["file"].problem


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_http_on_a_trusted_network_and_paths_beside_the_file(tmp_path: Path) -> None:
    text = write_config(tmp_path, "http://192.0.2.1", "models/bricks").read_text()
    path = tmp_path / "good.toml"
    path.write_text(text.replace("[bundle]", "allow_http = true\n[bundle]"))
    config = load(path)
    assert config.bundle.folder == tmp_path / "models" / "bricks"
    assert not given(config.service.ca_file)


def test_what_the_device_lacks_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (tmp_path / "data").write_text("a file where the folder is to be")
    text = write_config(tmp_path, "https://127.0.0.1:9", tmp_path / "none").read_text()
    path = tmp_path / "line.toml"
    path.write_text(text.replace("[bundle]", 'ca_file = "ca.pem"\n[bundle]'))
    config = load(path)
    assert [fault.field for fault in checks.errors(config)] == [
        "bundle.folder",
        "data.folder",
        "service.ca_file",
    ]
    assert [fault.field for fault in checks.warnings(config)] == ["camera.folder", "service.profile"]
