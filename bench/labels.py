"""How fast labels get into the lake.

Usage: ``python -m bench.labels [--tree DIR] [--size full] [--repeats 3]``.

On the generated tree of 2,000 files and 800,000 annotations (or on another one), in one run, each way in a
process of its own and in turn:

- Brume: `ingest.run` of the whole tree with everything it makes: flat and nested tables, answers, data
  objects, jobs, rejects, keys and drift;
- DuckDB: `read_json` with the schema that it finds itself, unnested to a row for each label of the sequences
  and of the answers to them, as Parquet;
- PySpark local[2], where it is installed: the same rows by `spark.read.json` and `explode`.

The last two are given the files, and only those that are JSON: one that is cut off stops DuckDB; and by plain
names: Spark takes no colon in one, and Ground Truth's have two. A row is a label, of a consolidated
annotation or of an answer. Seconds are of the whole process with its start, the best of the repeats; CPU
seconds (without Java's) and peak memory (proportional set size) are of the whole tree of processes. A key is
lost when nothing written has it, of all attributes that labels of sequences have in the files.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET_ROWS, TARGET_MB = 150_000, 1_000  # a second on two cores; peak
MAIN = "brume"
WAYS = {MAIN: "Brume", "duckdb": "DuckDB read_json", "pyspark": "PySpark local[2]"}
_LOOK_SECONDS = 0.05
_ATTRIBUTES = ("label-category-attributes", "labelCategoryAttributes")
_PATTERNS = {
    "consolidated": "annotations/consolidated-annotation/output/*/SeqLabel.json",
    "answers": "annotations/worker-response/*/*/*.json",
}

Groups = dict[str, list[str]]


@dataclass
class Measure:
    """The result of one way: rows, seconds, CPU seconds, peak MB, and attributes of labels."""

    rows: int
    seconds: float
    cpu: float
    memory: float
    keys: set[str]


def listed(tree: Path, folder: Path) -> tuple[Groups, set[str]]:
    """Return links to readable files of sequences, by "tracking answers" and so on, and all attributes."""
    groups: Groups = {}
    keys: set[str] = set()
    for kind in ("tracking", "detection"):
        for where, pattern in _PATTERNS.items():
            files = groups[f"{kind} {where}"] = []
            modality = f"VideoObject{kind.title()}*"
            for path in sorted(tree.glob(f"batch_manifests/{modality}/*/output/*/{pattern}")):
                try:
                    value = json.loads(path.read_bytes())
                except ValueError:
                    continue
                link = folder / f"{kind}-{where}-{len(files)}.json"
                link.symlink_to(path.absolute())
                files.append(str(link))
                keys |= _attributes(value)
    return groups, keys


def _attributes(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_attributes, value))
    if not isinstance(value, dict):
        return set()
    own = {key for name in _ATTRIBUTES for key in value.get(name, ())}
    return own.union(*map(_attributes, value.values()))


def brume(tree: Path, _groups: Groups, out: Path) -> None:
    """Ingest the tree."""
    from brume.labels.model import ingest
    from brume.labels.model.lake import Lake

    ingest.run(str(tree), Lake(str(out)))


def duckdb(_tree: Path, groups: Groups, out: Path) -> None:
    """Read sequences and their answers with DuckDB's own reader."""
    import duckdb as engine

    connection = engine.connect()
    for number, (group, files) in enumerate(groups.items()):
        kind, where = group.split()
        frames, source = f'"{kind}-annotations"', "source"
        if where == "answers":
            frames = f"answer.answerContent.{kind}Annotations.frameData.entries"
            source = "(SELECT filename, unnest(answers) AS answer FROM source)"
        query = f"""SELECT filename, frame."frame-no" AS no, unnest(label) FROM (
                        SELECT filename, frame, unnest(frame.annotations) AS label FROM (
                            SELECT filename, unnest({frames}) AS frame FROM {source}))"""  # noqa: S608
        relation = connection.read_json(files, filename=True, maximum_object_size=1 << 28)
        relation.query("source", query).write_parquet(str(out / f"{number}.parquet"), compression="zstd")


def pyspark(_tree: Path, groups: Groups, out: Path) -> None:
    """Read sequences and their answers with Spark on two cores."""
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import col, explode

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    session = builder.config("spark.sql.caseSensitive", "true").getOrCreate()
    for number, (group, files) in enumerate(groups.items()):
        kind, where = group.split()
        source = session.read.json(files, multiLine=True)
        frames = col(f"`{kind}-annotations`")
        if where == "answers":
            source = source.select(explode("answers").alias("answer"))
            frames = col(f"answer.answerContent.{kind}Annotations.frameData.entries")
        each = source.select(explode(frames).alias("frame"))
        labels = each.select(col("frame.`frame-no`").alias("no"), explode("frame.annotations").alias("label"))
        labels.select("no", "label.*").write.parquet(str(out / f"{number}.parquet"), compression="zstd")
    session.stop()


def written(way: str, out: Path) -> tuple[int, set[str]]:
    """Return how many labels a way has written, and the attributes that they have."""
    import duckdb as engine

    from brume.labels.model.lake import Lake

    rows, keys = 0, set[str]()
    if way == MAIN:
        connection = Lake(str(out)).connect()
        for query in (
            "SELECT attributes FROM labels",
            "SELECT attributes FROM answer_labels WHERE kind <> 'frame'",
        ):
            found = connection.sql(query)
            rows += found.count("*").fetchall()[0][0]
            distinct = found.query("found", "SELECT DISTINCT unnest(map_keys(attributes)) FROM found")
            keys |= {key for (key,) in distinct.fetchall()}
        return rows, keys
    for path in out.glob("*.parquet"):
        found = engine.read_parquet(str(path / "*.parquet" if path.is_dir() else path))
        rows += found.count("*").fetchall()[0][0]
        for name, described in zip(found.columns, found.types, strict=True):
            if name in _ATTRIBUTES:
                keys |= {child for child, _ in described.children}
    return rows, keys


def measure(way: str, tree: Path, groups: Path, folder: Path) -> Measure:
    """Run one way in a process of its own."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    command = [sys.executable, "-m", "bench.labels", "--way", way, str(tree), str(groups), str(out)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    memory = 0.0
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        memory = max(memory, memory_of(process.pid))
        time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{WAYS[way]} failed with {process.returncode}")
    rows, keys = written(way, out)
    return Measure(rows, seconds, usage.ru_utime + usage.ru_stime, memory, keys)


def memory_of(process: int) -> float:
    """Return the proportional set size of a process and all below it, in MB."""
    total, waiting = 0, [process]
    while waiting:
        folder = Path("/proc", str(waiting.pop()))
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", (folder / "smaps_rollup").read_text(), re.M)[1])
            for task in (folder / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, TypeError):
            continue  # it has just ended
    return total / 1024


def compare(tree: Path, repeats: int) -> None:
    """Measure every way and print the figures."""
    best: dict[str, Measure] = {}
    with tempfile.TemporaryDirectory(prefix="brume-bench-") as name:
        folder = Path(name)
        (folder / "links").mkdir()
        groups, keys = listed(tree, folder / "links")
        (folder / "groups").write_text(json.dumps(groups))
        for _ in range(repeats):
            for way in WAYS:
                if way != MAIN and importlib.util.find_spec(way) is None:
                    continue
                found = measure(way, tree, folder / "groups", folder)
                if way not in best or found.seconds < best[way].seconds:
                    best[way] = found
    for way, found in best.items():
        lost = ", ".join(sorted(keys - found.keys)) or "none"
        print(
            f"  {WAYS[way]:18} {found.rows:9,} rows {found.seconds:6.1f} s {found.cpu:6.1f} CPU s "
            f"{found.rows / found.seconds:9,.0f} rows/s {found.memory:6.0f} MB   keys lost: {lost}"
        )
    ours = best[MAIN]
    for way, found in best.items():
        if way != MAIN:
            ratio = (ours.rows / ours.seconds) / (found.rows / found.seconds)
            print(f"  Brume / {WAYS[way]:18} {ratio:6.2f} in rows/s")
    print(f"  rows/s / target       {ours.rows / ours.seconds / TARGET_ROWS:6.2f}   (target {TARGET_ROWS:,})")
    print(f"  peak memory / allowed {ours.memory / TARGET_MB:6.2f}   (allowed {TARGET_MB:,} MB)", flush=True)
    for way in WAYS:
        if way not in best:
            print(f"  {WAYS[way]} is not installed: pip install {way}, and Java, to see it here")


def main() -> None:
    """Make the tree, or take one that is there, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.labels", description="how fast labels are read")
    parser.add_argument("--tree", type=Path, help="a tree of labelling output, instead of a generated one")
    parser.add_argument("--size", default="full", help="of the generated tree: full or small")
    parser.add_argument("--repeats", type=int, default=3, help="each figure is the best of these")
    parser.add_argument("--way", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        ways = {MAIN: brume, "duckdb": duckdb, "pyspark": pyspark}
        way, tree, groups, out = options.way
        ways[way](Path(tree), json.loads(Path(groups).read_text()), Path(out))
        return
    if options.tree:
        compare(options.tree, options.repeats)
        return
    from brume.labels import demo

    with tempfile.TemporaryDirectory(prefix="brume-bench-") as name:
        truth = demo.generate(Path(name, "made"), options.size)
        print(f"{truth.files:,} files, {truth.annotations:,} annotations", flush=True)
        compare(Path(name, "made", demo.TREE), options.repeats)


if __name__ == "__main__":
    main()
