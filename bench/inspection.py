"""How well and how fast anomalies are found.

Usage: ``python -m bench.inspection [--data DIR] [--set NAME]...``.

For each set, the mean of random 60/40 splits (``--seeds``, three by default): training sees the 60 % only,
and everything (detector, calibration, threshold) is chosen there; figures are those of the written bundle on
the other 40 %.

- aliens and cookie are real sets, looked for in --data, else in $BRUME_DATA/inspection;
- cookie-masks trains on the cookie set's own training images with their masks;
- bricks are rendered by the project (289 normal, 116 anomalous, the first split only), and reported by kind
  of defect.

``--anomalies N`` keeps at most N anomalous pictures for training, 0 for none; all in the 40 % are evaluated.

Seconds are wall time of the training; ms an image are CPU time of decoding and of the whole detection.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from brume.inspection.demo import write as write_bricks
from brume.inspection.model import images
from brume.inspection.model.bundle import Bundle
from brume.inspection.model.metrics import auroc, model_metrics
from brume.inspection.model.samples import AnomalyClass, Sample
from brume.inspection.model.training import TrainingSettings, train_model

TARGETS = {"aliens": (0.98, 0.93), "cookie": (0.98, 0.97), "bricks": (0.85, None)}
SETS = ("aliens", "cookie", "cookie-masks", "bricks")
FOUND = {"auroc": "AUROC", "loss": "log loss"}
CRACKED = AnomalyClass("cracked", "#23A436")


@dataclass(frozen=True)
class Result:
    """One split: figures on unseen pictures, and what they cost."""

    auroc: float
    f1: float
    recall: float
    false_alarms: float
    train_seconds: float
    ms: float


def sample(path: Path, anomalous: bool, mask: Path | None = None) -> Sample:
    """Return a picture on disk as a sample."""
    return Sample(path.name, path.read_bytes, anomalous, None if mask is None else lambda: read_mask(mask))


def read_mask(path: Path) -> np.ndarray:
    """Return 1 where a mask of one class has any colour."""
    with Image.open(path) as image:
        colours = np.asarray(image.convert("RGBA").convert("RGB"))
    return (colours.max(axis=2) > 0).astype(np.uint8)


def find(name: str, data: Path, scratch: Path) -> list[Sample]:
    """Return the labelled pictures of a set."""
    if name == "aliens":
        return [sample(path, path.parent.name == "anomaly") for path in sorted((data / name).glob("*/*.png"))]
    if name == "bricks":
        folder = scratch / "bricks"
        write_bricks(folder, normal=289, anomalous=116, seed=0, prefix="")
        rows = list(csv.DictReader((folder / "labels.csv").open()))
        return [sample(folder / row["file"], row["label"] == "anomaly") for row in rows]
    root = data / "cookie"
    training = sorted((root / "dataset-files/training-images").glob("*.jpg"))
    if name == "cookie-masks":
        masks = root / "dataset-files/mask-images"
        return [
            sample(
                path, "anomaly" in path.name, masks / f"{path.stem}.png" if "anomaly" in path.name else None
            )
            for path in training
        ]
    return [
        sample(path, "anomaly" in path.name)
        for path in [*training, *sorted((root / "test-images").glob("*.jpg"))]
    ]


def split(samples: list[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """Return 60 % of each class, and the rest."""
    rng = np.random.default_rng(seed)
    train: list[Sample] = []
    test: list[Sample] = []
    for anomalous in (False, True):
        members = [one for one in samples if one.anomalous == anomalous]
        order = [members[index] for index in rng.permutation(len(members))]
        cut = round(0.6 * len(order))
        train, test = train + order[:cut], test + order[cut:]
    return train, test


def run(train: list[Sample], test: list[Sample], folder: Path, kinds: dict[str, str], masks: bool) -> Result:
    """Train, write the bundle, and evaluate it on the test pictures."""
    began = time.perf_counter()
    trained = train_model(train, classes=[CRACKED] if masks else [], settings=TrainingSettings())
    seconds = time.perf_counter() - began
    for candidate in trained.tried:
        known = [
            f"{title} {candidate[name]:.3f}" for name, title in FOUND.items() if candidate[name] is not None
        ]
        print(f"    tried {candidate['name']:44} out of fold: {', '.join(known) or 'no figures'}")
    if trained.training["pixel_auroc"] is not None:
        print(f"    pixel AUROC against masks, out of fold: {trained.training['pixel_auroc']:.3f}")
    trained.write(folder)
    bundle = Bundle.load(folder)
    bundle.detect(images.decode(test[0].load()))
    start = time.process_time()
    found = [bundle.detect(images.decode(one.load())) for one in test]
    ms = (time.process_time() - start) / len(test) * 1000
    truth = np.array([one.anomalous for one in test])
    probability = np.array([one.probability for one in found])
    metrics = model_metrics(truth, probability, bundle.threshold)
    for kind in sorted({kinds[one.key] for one in test if one.anomalous and one.key in kinds}):
        chosen = np.array([not one.anomalous or kinds.get(one.key) == kind for one in test])
        caught = (probability[chosen & truth] >= bundle.threshold).mean()
        print(f"    {kind:10} AUROC {auroc(truth[chosen], probability[chosen]):.3f}, {caught:4.0%} found")
    false_alarms = metrics.false_positives / max(1, metrics.images - metrics.anomalous)
    result = Result(metrics.auroc or 0.0, metrics.f1 or 0.0, metrics.recall or 0.0, false_alarms, seconds, ms)
    print(
        f"    chosen {trained.chosen}: AUROC {result.auroc:.3f}, F1 {result.f1:.3f},"
        f" recall {result.recall:.2f}, false alarms {result.false_alarms:.2f};"
        f" training {seconds:.0f} s, {ms:.0f} ms an image, model {len(trained.graph) / 1e6:.1f} MB",
        flush=True,
    )
    return result


def main() -> None:
    """Run the sets that are there and print the figures beside their targets."""
    parser = argparse.ArgumentParser(prog="python -m bench.inspection", description="accuracy and speed")
    parser.add_argument("--data", type=Path, help="folder of the real sets; default $BRUME_DATA/inspection")
    parser.add_argument("--set", action="append", choices=SETS, help="which sets; default: all")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the splits; default 0 1 2"
    )
    parser.add_argument("--anomalies", type=int, help="anomalous pictures to train on at most; default: all")
    options = parser.parse_args()
    data = options.data or Path(os.environ.get("BRUME_DATA", "../shared/data")) / "inspection"
    with tempfile.TemporaryDirectory(prefix="brume-bench-") as name:
        for chosen in options.set or SETS:
            samples = find(chosen, data, Path(name))
            if not samples:
                print(f"{chosen}: not in {data}, left out")
                continue
            print(
                f"{chosen}: {len(samples)} pictures, {sum(one.anomalous for one in samples)} anomalous",
                flush=True,
            )
            table = Path(name) / "bricks/labels.csv"
            bricks = csv.DictReader(table.open()) if chosen == "bricks" else []
            kinds = {Path(row["file"]).name: row["kind"] for row in bricks if row["kind"]}
            results = []
            for seed in options.seeds[: 1 if chosen in ("bricks", "cookie-masks") else None]:
                print(f"  split {seed}")
                train, test = split(samples, seed)
                if options.anomalies is not None:
                    shown = [one for one in train if one.anomalous][: options.anomalies]
                    train = [one for one in train if not one.anomalous] + shown
                results.append(run(train, test, Path(name) / "bundle", kinds, chosen == "cookie-masks"))
            parts = ("auroc", "f1", "recall", "false_alarms", "ms")
            means = [float(np.mean([getattr(one, part) for one in results])) for part in parts]
            target = TARGETS.get(chosen)
            wanted = (
                ""
                if target is None
                else f"   (target AUROC {target[0]}" + (f", F1 {target[1]})" if target[1] else ")")
            )
            longest = max(one.train_seconds for one in results)
            print(
                f"  {chosen}: AUROC {means[0]:.3f}, F1 {means[1]:.3f}{wanted},"
                f" recall {means[2]:.2f}, false alarms {means[3]:.2f};"
                f" training at most {longest:.0f} s for {len(train)} pictures, {means[4]:.0f} ms an image",
                flush=True,
            )


if __name__ == "__main__":
    main()
