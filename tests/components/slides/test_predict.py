"""Tile probabilities from a served model: each tile once, resumed after a kill."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from brume.slides.model.records import RecordError, RecordWriter, Tile, encode
from brume.slides.pipeline import prediction
from brume.slides.pipeline.prediction import (
    PredictionError,
    model_digest,
    predict_shards,
    read_scores,
    write_scores,
)
from tests.polling import until

CLASSES = ["a", "b"]


class Model:
    """A server of the V1 protocol whose answer to an image depends on its bytes alone."""

    def __init__(self) -> None:
        self.seen: Counter[bytes] = Counter()
        self.requests: list[int] = []
        self.seconds = 0.0
        self.at_once = 0
        self.most_at_once = 0
        self.row = self.probabilities
        lock, model = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                images = [base64.b64decode(instance["b64"]) for instance in body["instances"]]
                with lock:
                    model.seen.update(images)
                    model.requests.append(len(images))
                    model.at_once += 1
                    model.most_at_once = max(model.most_at_once, model.at_once)
                time.sleep(model.seconds)
                with lock:
                    model.at_once -= 1
                found = self.path == "/v1/models/m:predict"
                answer = json.dumps({"predictions": [model.row(image) for image in images]}).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @staticmethod
    def probabilities(image: bytes) -> list[float]:
        p = hashlib.sha256(image).digest()[0] / 256  # exact in a float32
        return [p, 1 - p]


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    thread = threading.Thread(target=model.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield model
    model.server.shutdown()
    model.server.server_close()
    thread.join()


def write_tiles(path: Path, slide: str, count: int) -> list[Tile]:
    tiles = [
        Tile(f"{slide} {n}".encode(), 8, 8, "a", slide, f"patient of {slide}", 16 * n, 5, 0.5, 0, 16)
        for n in range(count)
    ]
    with RecordWriter(path) as writer:
        for tile in tiles:
            writer.write(encode(tile))
    return tiles


@pytest.fixture
def tiles(tmp_path: Path) -> dict[str, list[Tile]]:
    """A folder of shards as training leaves it: at the root and one folder below, one of them empty."""
    counts = {
        "train-00000-of-00002": 23,
        "train-00001-of-00002": 23,
        "train-rest": 3,
        "valid-00000": 0,
        "test/t": 11,
    }
    folder = tmp_path / "tiles"
    made = {name: write_tiles(folder / f"{name}.tfrecord", f"{name}.svs", n) for name, n in counts.items()}
    (folder / "index.parquet").write_bytes(b"no record file")
    return made


def run(tmp_path: Path, model: Model, digest: str = "d" * 64, **changed: str) -> pa.Table:
    return predict_shards(
        str(tmp_path / "tiles"),
        model.url,
        "m",
        CLASSES,
        str(tmp_path / "out"),
        batch_size=5,
        digest=digest,
        splits={"test/t.svs": "test", **changed},
    )


def test_every_tile_is_scored_once_and_keeps_its_position(
    tmp_path: Path, model: Model, tiles: dict[str, list[Tile]]
) -> None:
    table = run(tmp_path, model)
    everything = [tile for shard in tiles.values() for tile in shard]
    assert model.seen == Counter(tile.image for tile in everything)
    assert table.column_names == ["slide", "patient", "label", "split", "x", "y", "span", "mpp", "p_a", "p_b"]
    rows = {(row["slide"], row["x"]): row for row in table.to_pylist()}
    assert len(rows) == table.num_rows == len(everything)
    for tile in everything:
        row = rows[tile.slide, tile.x]
        assert [row["p_a"], row["p_b"]] == Model.probabilities(tile.image)
        assert (row["patient"], row["label"], row["y"], row["span"], row["mpp"]) == (
            *(tile.patient, "a", 5, 16),
            0.5,
        )
        assert row["split"] == ("test" if tile.slide == "test/t.svs" else "")


def test_tiles_travel_in_batches_and_several_at_a_time(
    tmp_path: Path, model: Model, tiles: dict[str, list[Tile]]
) -> None:
    model.seconds = 0.05
    run(tmp_path, model)
    assert sorted(model.requests) == sorted([5, 5, 5, 5, 3] * 2 + [3] + [5, 5, 1])
    assert 2 <= model.most_at_once <= prediction.IN_FLIGHT


def test_what_is_done_is_not_done_again(tmp_path: Path, model: Model, tiles: dict[str, list[Tile]]) -> None:
    first = run(tmp_path, model)
    model.seen.clear()
    assert run(tmp_path, model).equals(first)
    assert not model.seen
    # Another model, or other splits, are another result.
    run(tmp_path, model, digest="e" * 64)
    assert model.seen.total() == 60
    model.seen.clear()
    again = run(tmp_path, model, **{"train-rest.svs": "train"})
    assert set(again.filter(pa.compute.equal(again["slide"], "train-rest.svs"))["split"].to_pylist()) == {
        "train"
    }
    model.seen.clear()
    # So are other tiles under the same name.
    write_tiles(tmp_path / "tiles" / "train-rest.tfrecord", "new.svs", 4)
    changed = run(tmp_path, model, **{"train-rest.svs": "train"})
    assert model.seen.total() == 4
    assert changed.num_rows == 61
    assert "train-rest.svs" not in changed["slide"].to_pylist()


SCRIPT = """
import sys
from brume.slides.pipeline.prediction import predict_shards
tiles, url, out = sys.argv[1:]
predict_shards(tiles, url, "m", ["a", "b"], out, batch_size=5, digest="d" * 64, splits={"test/t.svs": "test"})
"""


def test_a_killed_run_resumes_where_it_was(
    tmp_path: Path, model: Model, tiles: dict[str, list[Tile]]
) -> None:
    model.seconds = 0.2
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "tiles"), model.url, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:

        def some() -> list[Path]:
            assert process.poll() is None
            return list((tmp_path / "out").rglob("*.parquet"))

        done = until(some, "a part of the predictions")
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    kept = sum(pa.parquet.read_metadata(path).num_rows for path in done)
    assert 0 < kept < 60
    model.seconds = 0
    until(lambda: not model.at_once, "the end of what the killed run had sent")
    model.seen.clear()
    table = run(tmp_path, model)
    assert model.seen.total() <= 60 - kept
    (tmp_path / "out").rename(tmp_path / "interrupted")
    assert table.equals(run(tmp_path, model))


def test_an_answer_that_does_not_fit_names_the_tile(
    tmp_path: Path, model: Model, tiles: dict[str, list[Tile]]
) -> None:
    model.row = lambda image: [0.1, 0.2, 0.7] if image == b"test/t.svs 3" else [1.0, 0.0]
    with pytest.raises(PredictionError, match=r"t\.tfrecord, slide test/t\.svs, tile at x=48 y=5"):
        run(tmp_path, model)


def test_a_damaged_file_leaves_the_whole_ones_done(
    tmp_path: Path, model: Model, tiles: dict[str, list[Tile]]
) -> None:
    damaged = tmp_path / "tiles" / "train-00001-of-00002.tfrecord"
    damaged.write_bytes(damaged.read_bytes()[:-7])
    with pytest.raises(RecordError, match="train-00001-of-00002"):
        run(tmp_path, model)
    assert not [path for path in (tmp_path / "out").rglob("*") if "train-00001" in path.name]


def test_no_tiles_is_an_error(tmp_path: Path, model: Model) -> None:
    with pytest.raises(PredictionError, match="tiles"):
        run(tmp_path, model)


def test_scores_survive_the_file(tmp_path: Path, model: Model, tiles: dict[str, list[Tile]]) -> None:
    table = run(tmp_path, model)
    write_scores(table, str(tmp_path / "scores.parquet"))
    again, classes = read_scores(str(tmp_path / "scores.parquet"))
    assert again.equals(table)
    assert classes == CLASSES
    write_scores(pa.table({"slide": ["s"]}), str(tmp_path / "other.parquet"))
    with pytest.raises(PredictionError, match=r"other\.parquet"):
        read_scores(str(tmp_path / "other.parquet"))


def test_a_model_is_known_by_graph_weights_and_labels(tmp_path: Path) -> None:
    def model_of(weights: bytes, log: bytes) -> str:
        home = tmp_path / hashlib.sha256(weights + log).hexdigest()
        for name, content in {
            "saved_model.pb": b"graph",
            "variables/variables.data-00000-of-00001": weights,
            "labels.json": b"{}",
            "training.json": log,
            "logs/events": log,
        }.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(content)
        return model_digest(str(home))

    assert model_of(b"w", b"1") == model_of(b"w", b"2") != model_of(b"v", b"1")
