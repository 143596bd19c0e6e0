"""What each step of the labels pipeline does, in order: the inputs it reads and the files it leaves.

The steps in `steps.py` are thin wrappers of these functions. What lies in the lake is known by its snapshot:
a step whose inputs have the same one is not done again.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from components import storage
from components.labels.lake import Lake
from components.labels.settings import modalities_of
from components.step import Artifact, Output, Step


class Given(NamedTuple):
    """Where a run finds what it reports on."""

    source: str
    workers: str


def source(source: str, workers: str, output: Artifact) -> Given:
    """Return the given places as URIs; without a source, make labelling output and its workers."""
    if source:
        return Given(storage.absolute(source), _absolute_file(workers))
    step = Step("source", parameters={"workers": workers}, outputs=[Output(output, "source")])

    def work() -> None:
        from components.labels import synthetic

        with tempfile.TemporaryDirectory() as scratch:
            local = Path(output.uri) if not storage.is_remote(output.uri) else Path(scratch) / "source"
            synthetic.generate(local, synthetic.FULL)
            if storage.is_remote(output.uri):
                storage.upload(local, output.uri)

    step.run(work)
    return Given(
        storage.join(output.uri, "tree"), _absolute_file(workers) or storage.join(output.uri, "workers.csv")
    )


def ingest(
    source: str, lake: str, modalities: str, job_states: bool, tables: Artifact, metrics: Artifact
) -> str:
    """Read what is new or changed into the lake; returns the lake's URI."""
    from components.labels import ingest as reading

    step = Step(
        "ingest",
        inputs=[source],
        parameters={"lake": lake, "modalities": modalities, "job_states": job_states},
        outputs=[Output(metrics, "work/metrics/labels.json")]
        if lake
        else [
            Output(tables, "lake"),
            Output(metrics, "work/metrics/labels.json"),
        ],
    )
    uri = storage.absolute(lake) if lake else tables.uri
    summary = step.run(lambda: asdict(reading.run(source, Lake(uri), modalities_of(modalities))))
    metrics.metadata.update(summary)
    return uri


def _absolute_file(workers: str) -> str:
    """Return a CSV file as a URI, and the id of a user pool as it is."""
    return storage.absolute(workers) if workers.lower().endswith(".csv") else workers
