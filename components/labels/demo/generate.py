"""Generate a whole labelling output: the tree, its workers, and the known truth."""

from __future__ import annotations

from pathlib import Path

from brume.labels.demo import sequences, stills, workforce
from brume.labels.demo.job_plan import UNUSUAL, Job, Size, jobs
from brume.labels.demo.output_tree import Studio
from brume.labels.demo.truth import Fault, Truth
from brume.run.generated import digest_of, filled

TREE, WORKERS, TRUTH = "tree", "workers.csv", "truth.json"

# What workers who stand out do, as a finding would call it.
_ROLES = {
    "fast": ("too fast", "answers in a fraction of the usual time, everywhere"),
    "slow": ("too slow", "takes many times the usual time, everywhere"),
    "confuser": ("disagreement", "takes vans for trucks and trucks for vans, in image classification"),
    "shifter": ("disagreement", "draws boxes beside the vehicle, in bounding boxes"),
    "mistyper": ("disagreement", "gives vehicles a wrong vehicle_type, in tracking"),
    "sloppy": ("audit", "tracks at the first level that the second rejects, moves, removes or completes"),
    "unlisted": ("unlisted", "answers, but is in neither the user pool nor the CSV"),
    "no-email": ("no email", "is listed without an address"),
}
_STATES = {
    "Failed": "failed job",
    "Stopped": "stopped job",
    "InProgress": "job in progress",
    "Incomplete": "incomplete job",
}


def generate(folder: Path, size: Size, seed: int = 0) -> Truth:
    """Write FOLDER/tree, FOLDER/workers.csv and FOLDER/truth.json; return what is true of the tree.

    Equal arguments give equal bytes on every machine. A folder that the same generator filled with the same
    arguments is taken over as it is, one that it filled with others is replaced. The folder appears whole or
    not at all. Raises `FileExistsError` when it holds something else.
    """
    code = digest_of(__file__)
    return filled(
        folder,
        lambda known: Truth.load(known / TRUTH),
        lambda truth: (truth.size, truth.seed, truth.code) == (size, seed, code),
        lambda partial: _write(partial, size, seed, code),
        what="labelling output",
        files=(TRUTH, TREE),
    )


def _write(folder: Path, size: Size, seed: int, code: str) -> Truth:
    studio = Studio(folder / TREE, size, seed)
    shelf: sequences.Shelf = {}
    for job in jobs(size):
        if job.modality.startswith("Video"):
            sequences.write(studio, job, shelf)
        else:
            stills.write(studio, job)
        _note_state(studio, job)
    for worker in studio.workers:
        if worker.role in _ROLES:
            kind, detail = _ROLES[worker.role]
            studio.faults.append(Fault(kind, detail, worker=worker.sub))
    labels = sum(job.labels for job in studio.jobs)
    answered = sum(job.answer_labels for job in studio.jobs)
    truth = Truth(
        size=size,
        seed=seed,
        code=code,
        pool=workforce.POOL,
        issuer=workforce.ISSUER,
        files=sum(studio.tree.files.values()),
        annotations=labels + answered,
        labels=labels,
        answer_labels=answered,
        jobs=tuple(studio.jobs),
        faults=tuple(studio.faults),
        users=tuple(worker.user for worker in studio.workers),
        ignored=tuple(studio.tree.ignored),
    )
    (folder / WORKERS).write_text(workforce.as_csv(studio.workers), "utf-8")
    truth.save(folder / TRUTH)
    return truth


def _note_state(studio: Studio, job: Job) -> None:
    if job.status in _STATES:
        detail = job.reason or f"{job.finished} of {job.items} data objects done"
        studio.faults.append(Fault(_STATES[job.status], detail, modality=job.modality, job=job.name))
    if job.name == UNUSUAL:
        detail = "has a space, a percent sign and an umlaut in its name"
        studio.faults.append(Fault("unusual name", detail, modality=job.modality, job=job.name))
