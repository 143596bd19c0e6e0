"""The stages of the records pipeline."""

from __future__ import annotations

import json

from brume import storage
from brume.records.model.lines import count_lines
from brume.run.artifacts import Metrics
from brume.run.stage import Content, stage


@stage("count", outputs={"metrics": "metrics.json"})
def count(source: Content, least: int, metrics: Metrics) -> int:
    """Count the lines of the text at `source`; returns their number."""
    found = count_lines(storage.read_bytes(source).decode(), least)
    metrics.metadata["lines"] = found
    storage.write_bytes(metrics.uri, json.dumps({"lines": found}).encode())
    return found
