"""Jobs on single images and texts: files of responses, and lines of manifests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from brume.labels.demo import manifests
from brume.labels.demo.job_plan import Job
from brume.labels.demo.output_tree import Answer, Session, Studio
from brume.labels.demo.still_tasks import TASKS, Settled

_REASONS = {
    "expired": "Task expired: too few answers before TaskAvailabilityLifetimeInSeconds had passed.",
    "failed": "ClientError: The data object could not be read. Check that the object exists and that the "
    "role of the job may read it.",
}
_TEXTS = ("TextClassification", "NamedEntityRecognition")


def write(studio: Studio, job: Job) -> None:
    """Write a job on images or texts."""
    session, task = Session(studio, job), TASKS[job.name]
    rng = session.rng
    for item in range(job.finished):
        faults = job.faults.get(item, ())
        wrong = "label error" in faults
        shown = task.show(rng, plain=wrong)
        source = _source(job, item, shown)
        answers = []
        for worker in session.shifts.take(job.workers):
            content, labels = task.answer(shown, worker, rng)
            if job.late_key is not None and item >= job.late_key:
                content["image_attributes"] = {"blurred": bool(rng.random() < 0.3)}
            answers.append(Answer(worker, content, labels))
        if lost := next((fault for fault in faults if fault in _REASONS), ""):
            _lose(session, item, source, answers, lost)
            continue
        if item == job.first_iteration - 1:  # begun in the first iteration, completed in the second
            session.respond(item, answers[:1], iteration=1)
            complete = session.respond(item, answers[1:], iteration=2)
        else:
            complete = session.respond(item, answers)
        if item == job.late_key:
            detail = "a key of the answer's content, in the last files of the job"
            session.fault(
                "appeared", detail, item=item, object="image_attributes", file=session.last_response
            )
        settled = task.settle(shown, [answer.content for answer in answers], rng, wrong=wrong)
        line = _consolidate(session, item, source, settled, complete)
        if wrong:
            _note_error(session, item, settled, line)
        if item == 0:
            _leave(session, answers, settled, complete)
    session.finish()


def _source(job: Job, item: int, shown: Any) -> dict[str, str]:
    if job.modality in _TEXTS:
        return {"source": shown[0]}
    return {"source-ref": f"{manifests.BUCKET}/images/{job.batch}/{job.name}/{item:06d}.jpg"}


def _lose(session: Session, item: int, source: dict[str, str], answers: Sequence[Answer], lost: str) -> None:
    """Write a data object that got no label: expired after the first answer, or failed before it."""
    complete = session.respond(item, answers[:1]) if lost == "expired" else None
    created = (complete or session.begun) + timedelta(days=10 if complete else 0)
    record = manifests.failure(session.job, source, created, _REASONS[lost])
    line = session.manifest_line(item, record, lost, created)
    session.fault(lost, _REASONS[lost], item=item, file=session.manifest_path, line=line)


def _consolidate(
    session: Session, item: int, source: dict[str, str], settled: Settled, complete: datetime
) -> int:
    created = complete + timedelta(seconds=float(session.rng.uniform(20, 300)))
    value = settled.value
    if settled.picture is not None:
        name = f"annotations/consolidated-annotation/output/{item}_{created:%Y-%m-%dT%H:%M:%S.%f}.png"
        value = f"{manifests.BUCKET}/{session.write(name, settled.picture)}"
    described = manifests.metadata(session.job, created, **settled.metadata)
    line = manifests.line(session.job, source, value, described, {})
    return session.manifest_line(item, line, "labelled", created, settled.labels)


def _note_error(session: Session, item: int, settled: Settled, line: int) -> None:
    if "class-name" in settled.metadata:
        detail, which = f"is {settled.metadata['class-name']}, which hardly anyone answered", None
    else:
        number = settled.value["annotations"][0]["class_id"]
        name, which = settled.metadata["class-map"][str(number)], "0"
        detail = f"the first box is a {name}, which nobody answered"
    session.fault("label error", detail, item=item, object=which, file=session.manifest_path, line=line)


def _leave(session: Session, answers: Sequence[Answer], settled: Settled, complete: datetime) -> None:
    """Write the messages of Ground Truth and its consolidation function; no reader needs them."""
    where = "annotations/consolidated-annotation/consolidation-{}/iteration-1/{:%Y-%m-%d_%H:%M:%S}.json"
    name = manifests.attribute(session.job)
    request = [
        {
            "datasetObjectId": "0",
            "annotations": [
                {
                    "workerId": answer.worker.user.worker_id,
                    "annotationData": {"content": orjson.dumps(answer.content).decode()},
                }
                for answer in answers
            ],
        }
    ]
    response = [
        {
            "datasetObjectId": "0",
            "consolidatedAnnotation": {
                "content": {name: settled.value, f"{name}-metadata": settled.metadata}
            },
        }
    ]
    session.write(where.format("request", complete), orjson.dumps(request), ignored=True)
    session.write(where.format("response", complete), orjson.dumps(response), ignored=True)
