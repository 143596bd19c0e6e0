"""Heatmaps: pixels, legends, files, and slides that cannot be drawn."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from brume import storage
from brume.report.viridis import colours
from brume.slides.demo.painter import write_slide
from brume.slides.model import heatmap
from brume.slides.model.scores import SlideScore, average_tiles

GLASS, TISSUE = (243, 243, 243), (190, 110, 160)


def half_tissue(height: int, width: int) -> np.ndarray:
    """Glass at the left, tissue at the right."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:], pixels[:, width // 2 :] = GLASS, TISSUE
    return pixels


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_colour_lies_on_tiles_and_glass_is_untouched() -> None:
    thumbnail = half_tissue(100, 200)
    # Two tiles of 40 thumbnail pixels at scale 10; the first is half on glass, as it spans x = 80 to 120.
    drawn = heatmap.draw(thumbnail, 10, ints(800, 1400), ints(200, 200), ints(400, 400), np.array([1.0, 0.0]))
    changed = (drawn != thumbnail).any(axis=2)
    expected = np.zeros((100, 200), bool)
    expected[20:60, 100:120] = expected[20:60, 140:180] = True
    assert (changed == expected).all()
    high, low = drawn[30, 110].astype(int), drawn[30, 150].astype(int)
    assert high[1] > low[1] + 50  # viridis: yellow against violet
    assert high[2] < low[2]


def test_tissue_stays_visible_beneath() -> None:
    thumbnail = half_tissue(40, 40)
    thumbnail[::2, 20:] = (90, 40, 100)
    drawn = heatmap.draw(thumbnail, 1, ints(0), ints(0), ints(40), np.array([0.5])).astype(int)
    assert abs(drawn[0, 30] - drawn[1, 30]).sum() > 40


def test_overlapping_tiles_show_their_mean_and_edges_are_clipped() -> None:
    thumbnail = np.full((20, 20, 3), TISSUE, np.uint8)
    both = heatmap.draw(thumbnail, 1, ints(10, 10), ints(10, 10), ints(50, 50), np.array([0.2, 0.6]))
    one = heatmap.draw(thumbnail, 1, ints(10), ints(10), ints(10), np.array([0.4]))
    assert (both == one).all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_higher_probability_is_lighter_also_in_grey(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    grey = colours(ordered) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(grey) >= -0.6).all()


def test_legend_and_scale_bar_are_below_the_picture() -> None:
    picture = half_tissue(300, 400)
    page = heatmap.with_legend(picture, "a", mpp=2.0)
    assert page.size == (400, 300 + heatmap.FOOTER)
    assert (np.asarray(page)[:300] == picture).all()
    footer = np.asarray(page)[300:].min(axis=2)
    right_of_ramp = footer[36:42, 250:].min(axis=0) < 60
    assert right_of_ramp.sum() == 101  # 200 microns, a round quarter of 800, with both ends
    assert not (np.asarray(heatmap.with_legend(picture, "a", mpp=None))[300:, 250:] < 60).any()


@pytest.mark.parametrize("label", ["x" * 500, "a\nb", "名前"])
@pytest.mark.parametrize("size", [(1, 1), (30, 900), (900, 30)])
def test_odd_labels_and_sizes_are_drawn(label: str, size: tuple[int, int]) -> None:
    page = heatmap.with_legend(half_tissue(*size), label, mpp=0.25)
    assert page.width == size[1]


def test_slides_of_one_stem_get_two_files() -> None:
    assert heatmap.file_names(["a.svs", "b.svs", "b.ndpi", "sub/a.svs", "c.d.svs"]) == {
        "a.svs": "a.jpg",
        "b.svs": "b.svs.jpg",
        "b.ndpi": "b.ndpi.jpg",
        "sub/a.svs": "sub/a.jpg",
        "c.d.svs": "c.d.jpg",
    }


@pytest.fixture
def cohort(tmp_path: Path) -> tuple[dict[str, str], pa.Table, list[SlideScore]]:
    """Two slides of 1,000 x 800 pixels with a tile on tissue each, and one whose file is broken."""
    sources = {}
    for name in ("one.svs", "two.svs", "broken.svs"):
        path = tmp_path / "slides" / name
        path.parent.mkdir(exist_ok=True)
        if name == "broken.svs":
            path.write_bytes(b"no slide")
        else:
            write_slide(path, half_tissue(800, 1000), mpp=0.5, levels=(4,))
        sources[name] = str(path)
    names = sorted(sources)
    table = pa.table(
        {
            "slide": names,
            "patient": names,
            "label": ["a"] * 3,
            "split": ["test"] * 3,
            "x": [600] * 3,
            "y": [100] * 3,
            "span": [200] * 3,
            "mpp": [0.5] * 3,
            "p_a": pa.array([0.9] * 3, pa.float32()),
            "p_b": pa.array([0.1] * 3, pa.float32()),
        }
    )
    return sources, table, average_tiles(table, ["a", "b"])


def test_every_slide_is_drawn_and_a_broken_one_set_aside(
    tmp_path: Path, cohort: tuple[dict[str, str], pa.Table, list[SlideScore]]
) -> None:
    sources, table, scores = cohort
    out = tmp_path / "heatmaps"
    undrawn = heatmap.draw_all(sources, table, scores, str(out))
    assert [(item.item, item.step) for item in undrawn] == [("broken.svs", "heatmap")]
    assert undrawn[0].reason
    assert sorted(path.name for path in out.iterdir()) == ["one.jpg", "two.jpg"]
    picture = np.asarray(Image.open(out / "one.jpg").convert("RGB")).astype(int)
    assert picture.shape == (800 + heatmap.FOOTER, 1000, 3)
    assert np.abs(picture[400, 100] - GLASS).max() < 12
    assert np.abs(picture[600, 700] - TISSUE).max() < 12  # tissue without a tile keeps its colour
    assert picture[200, 700, 1] > TISSUE[1] + 30  # 0.9 is green to yellow


def test_a_slide_that_cannot_be_reached_is_an_error(
    tmp_path: Path,
    cohort: tuple[dict[str, str], pa.Table, list[SlideScore]],
    s3_server: str,
) -> None:
    """It was a slide without a heatmap in a finished stage, for good."""
    sources, table, scores = cohort
    away = {**sources, "one.svs": "s3://heatmaps-of-no-bucket/one.svs"}
    with pytest.raises(storage.StorageError, match=r"one\.svs"):
        heatmap.draw_all(away, table, scores, str(tmp_path / "heatmaps"))
    undrawn = heatmap.draw_all(sources, table, scores, str(tmp_path / "heatmaps"))
    assert [item.item for item in undrawn] == ["broken.svs"]


def test_a_heatmap_of_the_same_scores_is_not_drawn_again(
    tmp_path: Path, cohort: tuple[dict[str, str], pa.Table, list[SlideScore]]
) -> None:
    sources, table, scores = cohort
    out = tmp_path / "heatmaps"
    heatmap.draw_all(sources, table, scores, str(out))
    (out / "two.jpg").write_bytes((out / "two.jpg").read_bytes()[:100])  # torn by other hands
    os.utime(out / "one.jpg", (1, 1))
    heatmap.draw_all(sources, table, scores, str(out))
    assert (out / "one.jpg").stat().st_mtime == 1
    Image.open(out / "two.jpg").load()
    moved = table.set_column(table.schema.get_field_index("x"), "x", pa.array([640] * 3))
    heatmap.draw_all(sources, moved, scores, str(out))
    assert (out / "one.jpg").stat().st_mtime > 1


def test_the_scale_bar_is_of_the_resolution_that_the_labels_give(
    tmp_path: Path, cohort: tuple[dict[str, str], pa.Table, list[SlideScore]]
) -> None:
    """It was of the objective, or missing, while the tiles were cut by the labels."""
    sources, table, scores = cohort
    for name in ("one.svs", "two.svs"):
        write_slide(Path(sources[name]), half_tissue(800, 1000), mpp=None, levels=(4,))
    out = tmp_path / "heatmaps"

    def bar(name: str) -> int:
        legend = np.asarray(Image.open(out / name).convert("L"))[800:]
        return int((legend[36:41, 400:].max(axis=0) < 90).sum())

    heatmap.draw_all(sources, table, scores, str(out))
    assert (bar("one.jpg"), bar("two.jpg")) == (0, 0)
    heatmap.draw_all(sources, table, scores, str(out), given_mpp={"one.svs": 0.25})
    assert bar("one.jpg") == pytest.approx(201, abs=2)  # 50 microns, a round quarter of 250
    assert bar("two.jpg") == 0


@pytest.mark.parametrize("name", ["cmu-1-small-region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
def test_real_slides_get_heatmaps(real_data: Callable[[str], Path], name: str) -> None:
    path = real_data(f"slides/{name}")
    tiles = pa.table({"x": [448], "y": [1120], "span": [224], "p_a": pa.array([0.8], pa.float32())})
    page = heatmap.draw_slide(path, tiles, "a", max_side=600)
    assert max(page.width, page.height - heatmap.FOOTER) == 600
