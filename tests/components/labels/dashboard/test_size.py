"""A page stays small however large the lake is."""

from __future__ import annotations

import duckdb
import pytest

from brume.labels.pipeline.dashboard import build
from tests.components.labels.dashboard import tables

LIMIT = 1_500_000

# 2,000 sequences of 50 frames with 10 boxes each, and attributes at random: no range of frames is long.
SEQUENCES = """
INSERT INTO labels BY NAME SELECT 'VideoObjectTracking' AS modality, 'job-' || (item % 14) AS job,
  item::INTEGER AS item, f::INTEGER AS frame_no, 'box' AS kind, 'Vehicle' AS class,
  MAP {'moving': ['yes', 'no'][(1 + hash(item, f, o) % 2)::INTEGER],
       'vehicle_type': ['car', 'van', 'bus', 'truck', 'tram', 'bike'][(1 + hash(f, o, item) % 6)::INTEGER],
       'occluded': ['none', 'part', 'full'][(1 + hash(o, f, item) % 3)::INTEGER]} AS attributes,
  'annotations/consolidated-annotation/output/' || item || '/SeqLabel.json' AS file
FROM range(2000) a(item), range(50) b(f), range(10) c(o);
INSERT INTO frames BY NAME SELECT modality, job, item, frame_no, count(*)::INTEGER AS labels,
  MAP {'quality': ['good', 'dark', 'blurred'][(1 + hash(item, frame_no) % 3)::INTEGER],
       'number_of_vehicles': (hash(frame_no, item) % 12)::VARCHAR} AS attributes, any_value(file) AS file
FROM labels GROUP BY ALL;
INSERT INTO items BY NAME SELECT modality, job, item, 'labelled' AS state, 500 AS labels, 50 AS frames,
  any_value(file) AS file FROM labels GROUP BY ALL;
"""

# A million pictures of one label each.
PICTURES = """
INSERT INTO labels BY NAME SELECT 'ImageClassification' AS modality, 'job-' || (item % 14) AS job,
  item::INTEGER AS item, 'class' AS kind, 'class ' || (hash(item) % 9) AS class, 'output.manifest' AS file
FROM range(1000000) a(item);
INSERT INTO items BY NAME SELECT modality, job, item, 'labelled' AS state, 1 AS labels, file FROM labels;
"""

# Each item is answered by three of 130 workers, chosen at random.
ANSWERS = """
INSERT INTO answers BY NAME SELECT modality, job, item, k::INTEGER AS answer,
  'worker-' || (hash(item, k, 1) % 130) AS worker, 5 + (hash(item, k, 2) % 900) / 3.0 AS seconds, labels,
  TIMESTAMPTZ '2026-03-01 00:00:00+00' + INTERVAL 1 SECOND * (hash(item) % 4000000)::INTEGER AS submitted,
  'worker-response/' || item || '.json' AS file FROM items, range(3) r(k);
INSERT INTO answer_quality BY NAME SELECT modality, job, item, file, answer, worker,
  ['usual', 'usual', 'too fast', 'idle'][(1 + hash(item, answer) % 4)::INTEGER] AS pace,
  (hash(item) % 1000) / 1000.0 AS agreement FROM answers;
INSERT INTO findings BY NAME SELECT 'jump' AS kind, (hash(item, 3) % 100) / 10 AS score, modality, job, item,
  (hash(item, 4) % 50)::INTEGER AS frame_no, uuid()::VARCHAR AS object, file,
  'The box moves by ' || (hash(item) % 500) || ' pixels.' AS detail FROM items LIMIT 40000;
"""


def lake_of(statements: str) -> duckdb.DuckDBPyConnection:
    connection = tables.connect()
    for statement in (statements + ANSWERS).split(";\n")[:-1]:
        connection.execute(statement).fetchall()
    return connection


@pytest.mark.long
def test_a_million_boxes_keep_the_ranges_of_their_frames() -> None:
    made = build(lake_of(SEQUENCES))
    assert len(made.html.encode()) < LIMIT
    assert sum(n for n in made.cubes.tables["tasks"]["labels"]) == 1_000_000
    assert made.cubes.whole_answers and len(made.cubes.complete) > 10


@pytest.mark.long
def test_a_million_pictures_are_added_up_more_coarsely() -> None:
    made = build(lake_of(PICTURES))
    assert len(made.html.encode()) < LIMIT
    assert sum(made.cubes.tables["tasks"]["labels"]) == pytest.approx(1_000_000)
    assert sum(made.cubes.tables["answers"]["n"]) == 3_000_000
    assert any("equal share" in note for note in made.cubes.notes)
    assert any("the first 2,000 of 40,000" in note for note in made.cubes.notes)
