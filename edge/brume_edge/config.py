"""Read the configuration; list every fault with its field and a remedy."""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from brume_edge import settings
from brume_edge.settings import REQUIRED, Config, default_of, given

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path as text",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Fault:
    """One fault: the field (`table.key`), what is wrong, and what to do."""

    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; {self.remedy}"


class ConfigError(Exception):
    """The configuration cannot be used; `faults` has every reason."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"{path}: {count}", *(f"  {fault}" for fault in faults)]))


def load(path: Path) -> Config:
    """Read and check the file at `path`; relative paths in it start at its own folder.

    Raises:
        ConfigError: the file cannot be read or has values that cannot be; all faults are listed.
    """
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise ConfigError(
            path, [Fault("file", f"cannot be read ({error.strerror})", "name a file")]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [Fault("file", f"is not TOML ({error})", "correct that line")]) from error
    faults: list[Fault] = []
    tables: dict[str, Any] = {}
    hints = get_type_hints(Config, vars(settings))
    _unknown(document, [declared.name for declared in fields(Config)], "", faults)
    for name, cls in hints.items():
        table = document.get(name, {})
        if not isinstance(table, dict):
            faults.append(Fault(name, "is not a table", f"write [{name}] above its keys"))
            table = {}
        tables[name] = _table(name, cls, table, path.absolute().parent, faults)
    config = Config(**tables)
    if not faults:  # what follows compares fields, and needs them whole
        faults += consistency(config)
    if faults:
        raise ConfigError(path, faults)
    return config


def _unknown(table: dict[str, Any], known: list[str], prefix: str, faults: list[Fault]) -> None:
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"did you mean {prefix}{near[0]}?" if near else f"known here: {', '.join(known)}"
            faults.append(Fault(f"{prefix}{name}", "is not known", remedy))


def _table(name: str, cls: type[Any], table: dict[str, Any], folder: Path, faults: list[Fault]) -> Any:
    hints = get_type_hints(cls)
    _unknown(table, list(hints), f"{name}.", faults)
    values: dict[str, Any] = {}
    for declared in fields(cls):
        label = f"{name}.{declared.name}"
        value = table.get(declared.name, default_of(declared))
        if value is REQUIRED:
            faults.append(
                Fault(label, "is missing", f"set it to {_expected(declared, hints[declared.name])}")
            )
            values[declared.name] = None
        elif declared.name in table:
            values[declared.name] = _value(label, declared, hints[declared.name], value, folder, faults)
        else:
            values[declared.name] = value
    return cls(**values)


def _expected(declared: Any, kind: Any) -> str:
    rules = declared.metadata
    if rules["among"]:
        return " or ".join(f'"{word}"' for word in rules["among"])
    if rules["most"]:
        return f"{_KINDS[kind]} from {rules['least']:g} to {rules['most']:g}"
    return _KINDS[kind]


def _value(label: str, declared: Any, kind: Any, value: Any, folder: Path, faults: list[Fault]) -> Any:
    rules = declared.metadata
    fits = {bool: (bool,), int: (int,), float: (int, float), str: (str,), Path: (str,)}[kind]
    good = isinstance(value, fits) and (kind is bool or not isinstance(value, bool))
    if good and rules["among"]:
        good = value in rules["among"]
    if good and rules["most"]:
        good = math.isfinite(value) and rules["least"] <= value <= rules["most"]
    if not good:
        faults.append(Fault(label, f"is {value!r}", f"set it to {_expected(declared, kind)}"))
        return value
    if kind is Path:
        return folder / Path(value).expanduser() if value else settings.NOWHERE
    return float(value) if kind is float else value


def consistency(config: Config) -> list[Fault]:
    """Return what is wrong between fields, each of which is right by itself."""
    faults: list[Fault] = []

    def wrong(condition: bool, field: str, problem: str, remedy: str) -> None:
        if condition:
            faults.append(Fault(field, problem, remedy))

    line, pusher, camera, service = config.line, config.pusher, config.camera, config.service
    wrong(
        config.beam.pin == pusher.pin,
        "pusher.pin",
        f"is the beam's pin, {pusher.pin}",
        "wire them to two pins",
    )
    wrong(
        pusher.pulse_ms + pusher.tolerance_ms > line.spacing_ms,
        "pusher.pulse_ms",
        f"with tolerance_ms makes {pusher.pulse_ms + pusher.tolerance_ms:g} ms, beyond line.spacing_ms",
        "shorten one of them, or the push of one part hits the next",
    )
    wrong(
        config.beam.debounce_ms >= line.spacing_ms,
        "beam.debounce_ms",
        f"is {config.beam.debounce_ms:g}, not below line.spacing_ms",
        "lower it, or two parts count as one",
    )
    wrong(
        line.decide_within_ms > pusher.delay_ms,
        "line.decide_within_ms",
        f"is {line.decide_within_ms:g}, after the pusher is due",
        f"set it below pusher.delay_ms ({pusher.delay_ms:g})",
    )
    wrong(
        pusher.delay_ms <= 20 and not line.decide_within_ms,
        "line.decide_within_ms",
        "leaves no time to decide",
        "set it, or place the pusher farther from the beam",
    )
    wrong(
        camera.delay_ms >= config.decide_within * 1000,
        "camera.delay_ms",
        f"is {camera.delay_ms:g}, when the part must already be decided",
        "move the camera nearer to the beam, or the pusher farther away",
    )
    wrong(
        camera.view_ms > line.spacing_ms,
        "camera.view_ms",
        f"is {camera.view_ms:g}, beyond line.spacing_ms",
        "lower it, or a late picture shows the next part",
    )
    wrong(
        camera.kind == "folder" and not given(camera.folder),
        "camera.folder",
        'is missing for kind "folder"',
        "name a folder of PNG or JPEG pictures",
    )
    wrong(
        service.retry_first_s > service.retry_most_s,
        "service.retry_first_s",
        "is above service.retry_most_s",
        "set it below",
    )
    for name, value in (("project", service.project), ("model_version", service.model_version)):
        good = value.isascii() and value.replace("-", "a").replace("_", "a").isalnum() and len(value) <= 255
        wrong(not good, f"service.{name}", f"is {value!r}", "use letters, digits, - and _")
    return faults + _endpoint(service)


def _endpoint(service: settings.Service) -> list[Fault]:
    field = "service.endpoint"
    try:
        parts = urlsplit(service.endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return [Fault(field, "is not an address", 'write one like "https://inspection.example.org"')]
    if parts.scheme not in ("https", "http") or not host:
        return [Fault(field, "is not an address", 'write one like "https://inspection.example.org"')]
    if parts.username or parts.password:
        return [
            Fault(field, "holds a password", "remove it; credentials come from the environment or AWS files")
        ]
    if parts.query or parts.fragment:
        return [Fault(field, "has a query or fragment", "end it before ? or #")]
    if parts.scheme == "http" and host not in _LOOPBACK and not service.allow_http:
        remedy = "use https://, or set service.allow_http = true on a network that you trust"
        return [Fault(field, "would send pictures unencrypted", remedy)]
    return []
