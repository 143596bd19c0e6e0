"""Writes docs/operations.md and docs/settings.md from the engines' code.

    python -m brume.aws.engine.documentation docs

An engine's module offers `OFFERED`, its services (`resources.Service`), and `SETTINGS`, its dataclass.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from brume import variables
from brume.aws.addresses import FolderSettings
from brume.aws.engine import catalog
from brume.aws.engine.resources import Service
from brume.aws.engine.settings import CommonSettings
from brume.cluster.settings import ClusterSettings
from brume.run.settings import RunSettings
from brume.weights import WeightsSettings

COMMAND = "`make reference` writes this file; a test holds it equal to the code."


def operations() -> str:
    """Return docs/operations.md: the operations of each engine's services, and why some are refused."""
    parts = [
        "# Operations of the engines",
        f"{COMMAND} An operation that is not implemented is answered with HTTP status 501 and an error that "
        "names it.",
    ]
    for name, about in catalog.names().items():
        parts.append(f"## {name}: {about.line.rstrip('.')}")
        for service in catalog.load(name).OFFERED:
            parts += _service(service)
    return "\n\n".join(parts) + "\n"


def _service(service: Service) -> list[str]:
    known = service.operations()
    done = [operation for operation in known if operation.resource]
    parts = [
        f"### {service.name}: {len(done)} of {len(known)} operations",
        _table(("Operation", "Implemented by"), ((one.name, f"`{_class(one.resource)}`") for one in done)),
    ]
    if len(done) < len(known):
        refused = ((one.name, one.reason) for one in known if not one.resource)
        parts.append(_table(("Refused", "Why"), refused))
    return parts


def settings() -> str:
    """Return docs/settings.md: the variables of every engine and of what they share."""
    parts = [
        "# Settings",
        f"{COMMAND} Each is an environment variable; an empty one counts as absent. "
        "`brume engine NAME --settings` shows those of an engine with their present values.",
    ]
    for name in catalog.names():
        parts += _settings(f"The engine {name}", catalog.load(name).SETTINGS)
    shared = {
        "Every engine": CommonSettings,
        "Programs that use an engine": FolderSettings,
        "Cluster": ClusterSettings,
        "Processes of a local run": RunSettings,
        "Weights of models": WeightsSettings,
    }
    for title, described in shared.items():
        parts += _settings(title, described)
    return "\n\n".join(parts) + "\n"


def _settings(title: str, described: type[Any]) -> list[str]:
    rows = (
        (f"`{one.name}`", one.type, f"`{one.default}`" if one.default else "", one.meaning)
        for one in variables.describe(described)
    )
    intro = (described.__doc__ or "").partition("\n")[0]
    return [f"## {title}", intro, _table(("Variable", "Type", "Default", "Meaning"), rows)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _class(resource: type | None) -> str:
    assert resource is not None
    return f"{resource.__module__}.{resource.__qualname__}".removeprefix("brume.")


def main() -> None:
    """Write both files into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Write operations.md and settings.md.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    (folder / "operations.md").write_text(operations(), encoding="utf-8")
    (folder / "settings.md").write_text(settings(), encoding="utf-8")


if __name__ == "__main__":
    main()
