"""How long the whole pipeline of records takes on many notes, by step, and a second run with few new ones.

Usage: ``python -m bench.records_whole [--notes 25000] [--new 0.01] [--data DIR] [--keep DIR]``.

Data: copies of `records/fhir-10-patients` below BRUME_DATA (Synthea, 1,215 notes). Each copy is of other
patients: ids, names and ages differ, what a note lists stands in another order, so that most sections of a
copy are new to the search. The second run has copies for the share `--new` more.

Printed are, for each step of both runs, its seconds, the CPU seconds of the step's processes and of the
engine's while it ran, and the most memory that each of both held at once. What a process uses after it was
last looked at, which is each fifth of a second, is not counted.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.records_search import resources
from brume.run.progress import PROGRESS_FILE

OWN = (  # of a copy's patients; what remains is the same in all copies
    *("Patient", "Encounter", "Condition", "DocumentReference", "MedicationRequest", "Procedure"),
    *("Immunization", "AllergyIntolerance", "Device"),
)
SHARED = ("Organization", "Location", "Practitioner", "PractitionerRole")
TARGET = 20 * 60  # seconds of 25,000 notes on two quiet cores
BETWEEN = 0.2  # seconds between two looks at the processes
_LISTED = (("history of ", ", ", "."), ("", "; ", ""))  # before a list, between its items, after it
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MEBIBYTE = 1 << 20


def shuffled(text: str, number: int) -> str:
    """Return a note whose lists stand in another order: of items in a sentence, in a line, on lines.

    Equal lists stand in the same order in all notes of a copy, so that it has as many sections as its model.
    """
    done: list[str] = []
    items: list[str] = []
    for line in text.split("\n"):
        if line.startswith("- "):
            items.append(line)
            continue
        done += _sample(items, number)
        items = []
        for before, between, after in _LISTED:
            begin, end = line.find(before) + len(before), len(line) - len(after)
            if before in line and between in line[begin:end] and line.endswith(after):
                parts = line[begin:end].split(between)
                line = line[:begin] + between.join(_sample(parts, number)) + line[end:]
                break
        done.append(line)
    return "\n".join([*done, *_sample(items, number)])


def _sample(items: list[str], number: int) -> list[str]:
    chance = random.Random(f"{number}/{items}")  # noqa: S311 - has to be the same again
    return chance.sample(items, len(items))


def copies(data: Path, folder: Path, numbers: Iterable[int], notes: int) -> int:
    """Write copies of an export to a folder, until they have so many notes; returns how many they have."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = {kind: [json.dumps(one) for one in resources(data, kind)] for kind in (*OWN, *SHARED)}
    own = {json.loads(line)["id"] for kind in OWN for line in lines[kind]}
    names = {word for line in lines["Patient"] for name in json.loads(line)["name"] for word in name["given"]}
    given = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
    if not any(folder.iterdir()):
        for kind in SHARED:
            (folder / f"{kind}.000.ndjson").write_text("\n".join(lines[kind]) + "\n", encoding="utf-8")
    written = 0
    for number in numbers:
        if written >= notes:
            break
        ids: dict[str, str] = {}

        def other_id(found: re.Match[str], ids: dict[str, str] = ids, number: int = number) -> str:
            if found[0] in own and found[0] not in ids:
                ids[found[0]] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number}/{found[0]}"))
            return ids.get(found[0], found[0])

        for kind in OWN:
            made = [json.loads(_UUID.sub(other_id, line)) for line in lines[kind]]
            if kind == "DocumentReference":
                made = made[: notes - written]
                for one in made:
                    _change(one["content"][0]["attachment"], given, number)
                written += len(made)
            elif kind == "Patient":
                for name in (name for one in made for name in one["name"]):
                    name["given"] = [f"{word}{number}" for word in name["given"]]
            text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in made)
            (folder / f"{kind}.{number:03}.ndjson").write_text(text, encoding="utf-8")
    return written


def _change(attachment: dict[str, Any], given: re.Pattern[str], number: int) -> None:
    text = base64.b64decode(attachment["data"]).decode()
    text = given.sub(lambda found: f"{found[0]}{number}", text)
    text = re.sub(r"(\d+) year-old", lambda found: f"{int(found[1]) + number % 5} year-old", text)
    attachment["data"] = base64.b64encode(shuffled(text, number).encode()).decode()


@dataclass
class Used:
    """What one kind of processes used in one step: CPU seconds, and the most bytes at once."""

    cpu: float = 0.0
    memory: int = 0


@dataclass
class Step:
    """A step: what its own processes used, and the engine's meanwhile."""

    own: Used = field(default_factory=Used)
    engine: Used = field(default_factory=Used)


class Watch:
    """Looks at the processes of a run, and adds what they use to the step that it is at."""

    def __init__(self, process: int, events: Path) -> None:
        self.steps: dict[str, Step] = {}
        self._root, self._events = psutil.Process(process), events
        self._before: dict[tuple[int, float], float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(BETWEEN):
            self.look()

    def look(self) -> None:
        """Add what was used since the last look."""
        step = self.steps.setdefault(self._present(), Step())
        memory = {True: 0, False: 0}
        for process, engine in self._processes():
            try:
                times, held = process.cpu_times(), process.memory_info().rss
            except psutil.Error:
                continue
            key = (process.pid, process.create_time())
            used = times.user + times.system
            (step.engine if engine else step.own).cpu += used - self._before.get(key, 0.0)
            self._before[key] = used
            memory[engine] += held
        for engine, kind in ((True, step.engine), (False, step.own)):
            kind.memory = max(kind.memory, memory[engine])

    def _processes(self) -> Iterator[tuple[psutil.Process, bool]]:
        """Iterate the processes of the run, with whether each is the engine's."""
        try:
            engines = [one for one in self._root.children() if "engine" in " ".join(one.cmdline())]
            of_engine = {one for top in engines for one in (top, *top.children(recursive=True))}
            every = [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return
        yield from ((one, one in of_engine) for one in every)

    def _present(self) -> str:
        """Return the last step that began."""
        if not self._events.exists():
            return "start"
        events = [json.loads(line) for line in self._events.read_text().splitlines() if '"step"' in line]
        return str(events[-1]["step"]) if events else "start"


def run(source: Path, out: Path, parameters: list[str]) -> None:
    """Run the pipeline, and print what each step took, failed or not. Raises `CalledProcessError`."""
    command = [sys.executable, "-m", "brume.pipelines.cli", "run", "records", f"source={source}"]
    clean = {name: value for name, value in os.environ.items() if name != PROGRESS_FILE}
    events = out / "work" / "progress.jsonl"
    events.unlink(missing_ok=True)
    begin = time.monotonic()
    process = subprocess.Popen([*command, *parameters, "--out", str(out)], env=clean, stdout=sys.stderr)
    with Watch(process.pid, events) as watch:
        code = process.wait()
    taken = time.monotonic() - begin
    seconds = {one["step"]: one["seconds"] for one in json.loads((out / "run.json").read_text())["steps"]}
    print(f"{'step':10} {'seconds':>8} {'CPU':>8} {'engine CPU':>11} {'MiB':>6} {'engine MiB':>11}")
    for name, step in watch.steps.items():
        own, engine = step.own, step.engine
        print(
            f"{name:10} {seconds.get(name, 0):8.1f} {own.cpu:8.1f} {engine.cpu:11.1f} "
            f"{own.memory // _MEBIBYTE:6} {engine.memory // _MEBIBYTE:11}"
        )
    cpu = sum(step.own.cpu + step.engine.cpu for step in watch.steps.values())
    print(f"{'all':10} {taken:8.1f} {cpu:8.1f}", flush=True)
    if code:
        raise subprocess.CalledProcessError(code, command)


def main() -> None:
    """Make the export, run the pipeline twice, and print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    usual = Path(os.environ.get("BRUME_DATA") or Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=usual / "records" / "fhir-10-patients")
    parser.add_argument("--notes", type=int, default=25_000)
    parser.add_argument("--new", type=float, default=0.01, help="share of new notes of the second run [0.01]")
    parser.add_argument("--keep", type=Path, help="folder that keeps the export and the run")
    parser.add_argument("parameters", nargs="*", help="of the pipeline: embeddings=false")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        notes = copies(options.data, folder / "export", range(1000), options.notes)
        print(f"{notes} notes, target {TARGET} s for 25,000 on two quiet cores", flush=True)
        run(folder / "export", folder / "run", options.parameters)
        more = copies(options.data, folder / "export", range(1000, 2000), round(notes * options.new))
        print(f"\n{more} notes more", flush=True)
        run(folder / "export", folder / "run", options.parameters)


if __name__ == "__main__":
    main()
