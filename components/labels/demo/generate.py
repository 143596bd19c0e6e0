"""Generate a whole labelling output: the tree, its workers, and the known truth."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from brume import storage
from brume.labels.demo import sequences, stills, workforce
from brume.labels.demo.job_plan import UNUSUAL, Job, Size, jobs
from brume.labels.demo.output_tree import Studio
from brume.labels.demo.truth import Fault, Truth

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
    code = _digest()
    if folder.exists() and any(folder.iterdir()):
        known = _known(folder)
        if known and (known.size, known.seed, known.code) == (size, seed, code):
            return known
    with storage.replacing(folder) as partial:
        truth = _write(partial, size, seed, code)
        if folder.exists():
            shutil.rmtree(folder)
        return truth


def _known(folder: Path) -> Truth | None:
    """Return the truth of a folder that this generator filled, None when an older one did."""
    if not (folder / TRUTH).exists() or not (folder / TREE).is_dir():
        raise FileExistsError(
            f"{folder} holds files that are no generated labelling output: name a new or an empty folder"
        )
    try:
        return Truth.load(folder / TRUTH)
    except (ValueError, TypeError, KeyError):
        return None


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


def _digest() -> str:
    """Return a digest of this package's source."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
