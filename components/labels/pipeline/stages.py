"""What each step of the labels pipeline does, in order: the inputs it reads and the files it leaves.

The steps in `steps.py` are thin wrappers of these functions. What lies in the lake is known by its snapshot:
a step whose inputs have the same one is not done again.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from brume import storage
from brume.labels.model.lake import Lake
from brume.labels.pipeline.settings import catalog_of, modalities_of
from brume.run.step import Artifact, Output, Step


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
        from brume.labels import demo

        with tempfile.TemporaryDirectory() as scratch:
            local = Path(output.uri) if not storage.is_remote(output.uri) else Path(scratch) / "source"
            demo.generate(local, "full")
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
    from brume.labels.model import ingest as reading
    from brume.labels.pipeline import job_states as states

    outputs = [Output(metrics, "work/metrics/labels.json")]
    step = Step(
        "ingest",
        inputs=[source],
        parameters={"lake": lake, "modalities": modalities, "job_states": job_states},
        outputs=outputs if lake else [Output(tables, "lake"), *outputs],
    )
    uri = storage.absolute(lake) if lake else tables.uri

    def work() -> None:
        summary = reading.run(
            source,
            Lake(uri),
            modalities_of(modalities),
            describe=states.describe if job_states else None,
        )
        numbers = {"files": summary.files, "files_read": summary.read, "rejects": summary.rejects}
        metrics.metadata.update(numbers | {f"{name}_rows": count for name, count in summary.rows.items()})

    step.run(work)
    return uri


def join(lake: str, workers: str, mask_people: bool) -> str:
    """Give every answer its worker's name, where anybody knows it; returns the lake's URI."""
    from brume.labels.pipeline import workers as joining

    # Names lie elsewhere and change: they are asked for in every run, and only what changed is written.
    step = Step("workers", parameters={"asked": time.time_ns()}, outputs=[])
    step.run(lambda: asdict(joining.join(Lake(lake), workers, mask=mask_people)))
    return lake


def quality(lake: str) -> str:
    """Compute the quality of answers, labels, tracks and audits; returns the lake's URI."""
    from brume.labels.model import quality as judging

    Step("quality", inputs=[_state(lake)], parameters={"lake": lake}, outputs=[]).run(
        lambda: judging.run(Lake(lake))
    )
    return lake


def tables(lake: str, glue: bool, iceberg: str, workgroup: str) -> str:
    """Tell AWS Glue of the tables, keep them as Iceberg tables, as asked; returns the lake's URI."""
    step = Step(
        "tables",
        inputs=[_state(lake)],
        parameters={"lake": lake, "glue": glue, "iceberg": iceberg, "workgroup": workgroup},
        outputs=[],
    )

    def work() -> dict[str, Any]:
        done: dict[str, Any] = {}
        if glue:
            from brume.labels.model.queries import named
            from brume.labels.pipeline.publish import glue as catalog
            from brume.labels.pipeline.publish import saved_queries

            done["glue"] = asdict(catalog.publish(Lake(lake)))
            done["queries"] = asdict(saved_queries.save(named().values(), workgroup))
        if iceberg:
            from brume.labels.pipeline.publish import iceberg as others

            done["iceberg"] = asdict(others.publish(Lake(lake), catalog_of(iceberg)))
        return done

    step.run(work)
    return lake


def queries(lake: str, workgroup: str, results: Artifact) -> None:
    """Ask the standing queries by Athena's API; their results are `results`/NAME.csv.

    Those of the original are for whoever still uses them: their results are larger than the lake itself.
    """
    from brume.labels.model.queries import named
    from brume.labels.pipeline import standing_queries

    step = Step(
        "queries",
        inputs=[_state(lake)],
        parameters={"lake": lake, "workgroup": workgroup},
        outputs=[Output(results, "queries")],
    )

    def work() -> None:
        told = standing_queries.run_all(
            [query for query in named().values() if not query.original], results.uri, workgroup
        )
        standing_queries.check_lake(Lake(lake), results.uri)
        storage.write_bytes(
            storage.join(results.uri, "executions.json"), json.dumps(told, default=str, indent=1).encode()
        )

    step.run(work)


def dashboard(
    lake: str, mask_people: bool, results: Artifact, page: Artifact, picture: Artifact, paper: Artifact
) -> None:
    """Write the dashboard: one self-contained page, and a PNG and a PDF of it."""
    from brume.labels.pipeline import dashboard as drawing

    step = Step(
        "dashboard",
        inputs=[_state(lake)],
        parameters={"lake": lake, "mask_people": mask_people},
        outputs=[
            Output(page, "report.html"),
            Output(picture, "dashboard.png"),
            Output(paper, "dashboard.pdf"),
        ],
    )

    def work() -> None:
        with Lake(lake).connect() as connection:
            made = drawing.build(
                connection,
                mask_people=mask_people,
                key=drawing.key_of(lake) if mask_people else None,
                facts=[lake],
            )
        storage.write_bytes(page.uri, made.html.encode())
        storage.write_bytes(picture.uri, made.png())
        storage.write_bytes(paper.uri, made.pdf())

    step.run(work)


def quicksight(lake: str, principal: str, workgroup: str, mask_people: bool) -> None:
    """Make the QuickSight dashboard for a user or group, where one is named."""
    step = Step(
        "quicksight",
        inputs=[_state(lake)],
        parameters={"principal": principal, "workgroup": workgroup, "mask_people": mask_people},
        outputs=[],
    )

    def work() -> dict[str, Any]:
        if not principal:
            return {}
        from brume.labels.pipeline import dashboard as drawing
        from brume.labels.pipeline.publish import quicksight as views

        with Lake(lake).connect() as connection:
            board = drawing.build(connection, mask_people=mask_people).board
        return asdict(views.publish(Lake(lake), board, principal, workgroup=workgroup))

    step.run(work)


def _state(lake: str) -> str:
    """Return the file that names all that is in the lake: it is another one when any of it is."""
    return storage.join(lake, "_brume", "snapshot.json")


def _absolute_file(workers: str) -> str:
    """Return a CSV file as a URI, and the id of a user pool as it is."""
    return storage.absolute(workers) if workers.lower().endswith(".csv") else workers
