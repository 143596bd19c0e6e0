"""Runs of the slides pipelines on a cohort small enough to train on in seconds."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from brume.slides.demo.painter import mosaic, write_slide

BRUME = [sys.executable, "-m", "brume"]
COLOURS = {"luad": (190, 90, 160), "lusc": (120, 80, 170), "normal": (225, 150, 195)}
TILE = 64
# What makes a run of the whole pipeline short; the meaning of each is the pipeline's.
QUICK = [f"tile_size={TILE}", "epochs=3", "batch_size=16", "max_rejected=0.2", "assume_mpp=0.5"]


def heed_interrupts() -> None:
    """Make a process (`preexec_fn` of Popen) heed Ctrl-C: a background job may not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def brume(*words: str, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own and return its exit status and output."""
    return subprocess.run([*BRUME, *words], capture_output=True, text=True, timeout=timeout)


def write_cohort(folder: Path, patients: int = 6) -> None:
    """Write `patients` patients a class with a slide each, one of them in two classes; one file is broken.

    The folder's name has an apostrophe in the tests: kfp's local runner evaluates conditions as text.
    """
    folder.mkdir(parents=True)
    rows = ["slide,patient,label"]
    for number, (label, colour) in enumerate(COLOURS.items()):
        for patient in range(patients):
            chance = np.random.default_rng([number, patient])
            tiles = [
                (np.array(colour) + chance.normal(0, 18, (TILE, TILE, 3))).clip(0, 255).astype(np.uint8)
                for _ in range(9)
            ]
            name = f"{label}-{patient}.svs"
            # One slide has no microns per pixel.
            mpp = None if (label, patient) == ("lusc", 1) else 0.5
            write_slide(folder / name, mosaic(tiles), mpp=mpp, source_tile=240, quality=92, levels=(4,))
            owner = "shared" if patient == 0 and label != "lusc" else f"{label}-patient-{patient}"
            rows.append(f"{name},{owner},{label}")
    (folder / "broken.svs").write_bytes(b"II*\0 this is no slide")
    rows.append("broken.svs,someone,luad")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def began(process: subprocess.Popen[bytes], out: Path, stage: str) -> bool:
    """Whether a stage of a run has begun; the run goes on."""
    assert process.poll() is None, "the run ended"
    log = out / "work" / "progress.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return any(event.get("step") == stage and event["event"] == "started" for event in events)
