"""The report of a slides run, as a browser shows it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brume.slides.model import heatmap
from brume.slides.model.remarks import Remark
from brume.slides.model.resolution import Scan
from brume.slides.model.scores import SlideScore, evaluate
from brume.slides.pipeline.report import CAVEAT, build

CLASSES = ["luad", "lusc", "normal"]
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>"""
HISTORY = [
    {"epoch": n, "loss": 1 / n, "accuracy": 1 - 0.5 / n, "valid_loss": None if n == 1 else 1.1 / n}
    for n in (1, 2, 3)
]


def cohort(count: int, *, labelled: bool = True, seed: int = 0) -> list[SlideScore]:
    random = np.random.default_rng(seed)
    scores = []
    for n in range(count):
        p = tuple(map(float, random.dirichlet(np.ones(3) + 2 * np.eye(3)[n % 3])))
        predicted = CLASSES[int(np.argmax(p))]
        label, split = (CLASSES[n % 3], ("test", "train")[n % 2]) if labelled else ("", "")
        scores.append(SlideScore(f"s{n:03}.svs", f"P{n // 2}", label, split, 30, p, predicted, predicted))
    return scores


def draw(folder: Path, scores: list[SlideScore], side: int = 60) -> str:
    random = np.random.default_rng(1)
    pages = []
    for _ in range(3):
        pixels = random.integers(0, 255, (side, side, 3), dtype=np.uint8)
        page = heatmap.with_legend(np.kron(pixels, np.ones((3, 3, 1), np.uint8)), "luad", None)
        buffer = io.BytesIO()
        page.save(buffer, "JPEG")
        pages.append(buffer.getvalue())
    folder.mkdir()
    for n, name in enumerate(heatmap.file_names(score.slide for score in scores).values()):
        (folder / name).write_bytes(pages[n % 3])
    return str(folder)


def page(tmp_path: Path, scores: list[SlideScore], **changed: Any) -> str:
    arguments: dict[str, Any] = {
        "title": "A cohort",
        "classes": CLASSES,
        "scores": scores,
        "evaluation": evaluate(scores, CLASSES),
        "rejects": [{"item": "broken.svs", "step": "cohort", "reason": "unreadable: no slide"}],
        "remarks": [Remark("odd.svs", "tiling", "31 % of what is stained was taken for ink")],
        "heatmaps": changed.get("heatmaps") or draw(tmp_path / "heatmaps", scores),
        "training": {
            "version": 1,
            "key": "f00d",
            "history": HISTORY,
            "collective": "horovod",
            "ranks": 2,
            "images_per_second": 123.4567,
            "notes": ["Training stopped early."],
        },
        "parameters": {"tile_size": 224, "labels": ""},
        "timings": {"tiling": 75.0, "training": 3.25},
        "versions": {"keras": "3.15.1"},
        "facts": ["23 November 2026"],
    }
    return build(**{**arguments, **changed})


def text_of(html: str) -> str:
    body = html.split("<body>")[1].split("<script>")[0]
    body = body.replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_it_shows_how_the_slides_were_scanned(tmp_path: Path) -> None:
    """Slides of two scales, and what is guessed of one, were in no report."""
    scores = cohort(4, labelled=False)
    scans = [
        Scan("a.svs", 0.2524, "slide", 40.0, "aperio"),
        Scan("b.svs", 0.2521, "slide", 40.0, "aperio"),
        Scan("c.svs", 0.5, "objective", 20.0, "aperio"),
        Scan("d.tif"),
    ]
    text = text_of(page(tmp_path, scores, evaluation=None, scans=scans, training={"mpp": 0.5, "history": []}))
    assert "0.252 slide 40x aperio 2" in text
    assert "0.5 objective 20x aperio 1" in text
    assert "not known" in text
    assert "10 / magnification, a guess" in text
    assert "trained on tiles of 0.5 microns per pixel" in text
    heatmaps = str(tmp_path / "heatmaps")
    text = text_of(page(tmp_path, scores, evaluation=None, scans=scans, heatmaps=heatmaps))
    assert "not known: slides of another scale get other predictions" in text


def test_it_shows_what_was_run_and_the_metrics(tmp_path: Path) -> None:
    scores = cohort(90)
    found = evaluate(scores, CLASSES)
    text = text_of(page(tmp_path, scores))
    assert f"Slide accuracy {100 * found.accuracy_mean:.1f} %" in text
    assert f"Mean AUC {found.mean_auc:.3f} 95 % interval {found.mean_auc_interval.low:.2f}" in text
    for words in (
        "Slides 90 1 set aside",
        "Patients 45",
        "Tiles 2,700",
        "Classes 3 luad, lusc, normal",
        "collective horovod",
        "images per second 123.5",
        "Training stopped early.",
        "tile_size 224",
        "tiling 1 min 15 s",
        "keras 3.15.1",
        "broken.svs cohort unreadable: no slide",
        "Damaged places or much ink on 1 slide:",
        "odd.svs tiling 31 % of what is stained was taken for ink",
        "23 November 2026",
        CAVEAT,
    ):
        assert words in text, words
    assert "f00d" not in text


def test_wrong_test_slides_come_first(tmp_path: Path) -> None:
    scores = cohort(40)
    html = page(tmp_path, scores)
    shown = re.findall(r'alt="Heatmap of slide (\S+):', html)
    assert len(shown) == 40
    by_name = {score.slide: score for score in scores}
    order = [(by_name[name].split, by_name[name].label == by_name[name].mean_prediction) for name in shown]
    assert order == sorted(order)
    assert order[0] == ("test", False)
    rows = re.findall(r"<tr><td>(s\d+\.svs)</td>", html)
    assert rows == shown


def test_a_small_test_split_gets_a_warning(tmp_path: Path) -> None:
    assert "Read these figures with care: the test split has 5 slides" in text_of(page(tmp_path, cohort(10)))


def test_a_large_test_split_needs_no_warning(tmp_path: Path) -> None:
    assert "Read these figures with care" not in text_of(page(tmp_path, cohort(600)))


def test_a_model_no_better_than_chance_is_warned_of_first(tmp_path: Path) -> None:
    training = {"no_better_than_chance": True, "history": []}
    assert "Do not use this model" in text_of(page(tmp_path, cohort(60), training=training))


def test_another_model_is_not(tmp_path: Path) -> None:
    assert "Do not use this model" not in text_of(page(tmp_path, cohort(60)))


def test_new_slides_have_predictions_and_no_accuracy(tmp_path: Path) -> None:
    scores = cohort(12, labelled=False)
    text = text_of(page(tmp_path, scores, evaluation=None, rejects=[], training=None))
    for words in ("Slide accuracy", "AUC", "True class", "true class", "Split", "Training"):
        assert words not in text
    assert "Slides by predicted class" in text
    assert "Every slide could be used." in text


def test_one_class_or_no_test_slide_is_still_a_report(tmp_path: Path) -> None:
    scores = [score for score in cohort(12) if score.split == "train"]
    assert "no labelled slide" in text_of(page(tmp_path, scores))
    only = [SlideScore("s.svs", "P", "luad", "test", 3, (1.0, 0.0, 0.0), "luad", "luad")]
    (tmp_path / "one").mkdir()
    text = text_of(page(tmp_path / "one", only))
    assert "every slide of this split is of class luad" in text
    assert "nan" not in text.lower().split()


def test_names_of_users_are_shown_and_never_run(tmp_path: Path) -> None:
    classes = [HOSTILE, "b"]
    scores = [
        SlideScore(f"{HOSTILE}{n}", HOSTILE, classes[n % 2], "test", 5, (0.7, 0.3), HOSTILE, "b")
        for n in range(6)
    ]
    html = page(
        tmp_path,
        scores,
        classes=classes,
        evaluation=evaluate(scores, classes),
        heatmaps=str(tmp_path / "none"),
        title=HOSTILE,
        rejects=[{"item": HOSTILE, "step": HOSTILE, "reason": HOSTILE}],
        parameters={HOSTILE: HOSTILE},
        facts=[HOSTILE],
    )
    assert html.count("<script") == 1
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_three_hundred_slides_stay_under_two_megabytes(tmp_path: Path) -> None:
    scores = cohort(300)
    html = page(tmp_path, scores, heatmaps=draw(tmp_path / "large", scores, side=400))
    assert len(html.encode()) < 2_000_000
    assert "more pictures are in the folder heatmaps" in html
    assert len(re.findall(r"<img src=", html)) > 5
    assert not re.search(r"https?://", html)


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(tmp_path: Path, open_page: Callable[..., Any], dark: bool) -> None:
    shown = open_page(page(tmp_path, cohort(40)), width=390, height=844, dark=dark)
    assert shown.value("document.documentElement.scrollWidth") <= 390
    assert shown.errors == []
    shown.value("document.querySelector('.frame img').click()")
    assert shown.value("document.querySelector('dialog').open")
    assert "true class" in shown.value("document.querySelector('dialog p').textContent")
