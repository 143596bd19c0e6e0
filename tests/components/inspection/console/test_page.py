"""The page in a real browser, against an engine that runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.components.conftest import Tab
from tests.components.inspection.console.conftest import PROJECT, Served
from tests.components.inspection.parts import photo, wait

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EVIL = "<img src=x onerror=alert(1)>.png"


def fill_trial(served: Served, name: str, seed: int, number: int = 4) -> str:
    trial = served.console.create_trial(ProjectName=PROJECT, ModelVersion="1", Name=name)["Trial"]["TrialId"]
    for index in range(number):
        data = photo(seed + index, "stain" if index % 2 else "")
        title = EVIL if index == 0 else f"{index}.png"
        served.console.detect_trial_image(TrialId=trial, Name=title, ContentType="image/png", Body=data)
    return str(trial)


def counts(served: Served, trial: str) -> dict[str, Any]:
    return dict(served.console.describe_trial(TrialId=trial)["Trial"]["Counts"])


def assert_calm(tab: Tab, served: Served) -> None:
    """No error in the console, and no request but to the engine itself."""
    assert tab.errors == [] and tab.failures == []
    hosts = {urlsplit(url).netloc for url in tab.requests if not url.startswith("data:")}
    assert hosts == {urlsplit(served.url).netloc}


def test_pictures_are_verified_by_keyboard_and_added(served: Served, browse: Callable[..., Tab]) -> None:
    trial = fill_trial(served, "Keyboard", 1000)
    tab = browse(served.address())
    assert "token" not in tab.value("location.href")
    tab.go(f"#/trials/{trial}/verify")
    tab.until("document.getElementById('picture').naturalWidth === 96")
    tab.until("!document.getElementById('heat').hidden && document.getElementById('heat').naturalWidth > 0")
    tab.press("h")
    assert tab.value("document.getElementById('heat').hidden")
    tab.press("c", "i", "u")  # the second verdict is taken back
    tab.until("document.body.innerText.includes('1 of 4 verified')")
    wait(lambda: {"Status": str(counts(served, trial)["Incorrect"])}, ("0",))
    first = tab.value("document.querySelector('.panel .name').textContent")
    tab.press("ArrowRight")
    assert tab.value("document.querySelector('.panel .name').textContent") != first
    tab.press("ArrowLeft")
    assert tab.value("document.querySelector('.panel .name').textContent") == first
    tab.press("i", "c", "c")
    tab.until("document.body.innerText.includes('Every picture is verified')")
    wait(lambda: {"Status": str(counts(served, trial)["Correct"])}, ("3",))
    tab.click("#add")
    assert tab.until("document.activeElement.textContent") == "Add to the training dataset"
    tab.click("#dialog .primary")
    tab.until("document.body.innerText.includes('Everything verified is in the dataset')")
    assert counts(served, trial) | {"Added": 4} == counts(served, trial)
    # A name is text, whatever it looks like.
    tab.until(f"document.body.innerText.includes({json.dumps(EVIL)})")
    assert tab.value("document.querySelectorAll('img[src=x]').length") == 0
    assert_calm(tab, served)


def test_an_answer_changes_no_later_verdict(served: Served, browse: Callable[..., Tab]) -> None:
    trial = fill_trial(served, "Fast", 1200)
    tab = browse(served.address())
    tab.go(f"#/trials/{trial}/verify")
    tab.until("document.getElementById('picture').naturalWidth === 96")
    tab.value(
        "window.asked = 0; window.answers = []; const real = window.fetch;"
        " window.fetch = async (...request) => { window.asked++;"
        " while (!window.answers.length) await new Promise((go) => setTimeout(go, 10));"
        " if (!window.answers.shift()) throw new TypeError('cut');"
        " return real(...request); }; 0"
    )
    tab.press("c", "i", "u", "i")
    tab.value("window.answers = [true, true, true]")
    tab.until("window.asked === 4")  # the answer that the second picture is not verified is there
    tab.press("c", "c")
    tab.until("document.body.innerText.includes('Every picture is verified')")
    tab.value("window.answers = [true, true, true]")
    wait(
        lambda: {"Status": " ".join(str(counts(served, trial)[key]) for key in ("Correct", "Incorrect"))},
        ("3 1",),
    )
    tab.press("u")
    name = "document.querySelector('.panel .name').textContent"
    last = tab.value(name)
    tab.press("i")
    tab.value("window.answers = [true, false]")  # the engine keeps that it is not verified
    tab.until(f"document.getElementById('news').innerText.includes({json.dumps(last)})")
    tab.until("document.body.innerText.includes('3 of 4 verified')")
    assert tab.value(name) == last


def test_every_view_is_drawn_light_dark_and_narrow(served: Served, browse: Callable[..., Tab]) -> None:
    trial = fill_trial(served, "Views", 1100, 2)
    tab = browse(served.address())
    wide = tab.value("getComputedStyle(document.body).backgroundColor")
    views = {
        "#/": PROJECT,
        f"#/projects/{PROJECT}": "Training dataset",
        f"#/projects/{PROJECT}/models/1": "What was tried",
        f"#/projects/{PROJECT}/try/1": "Drop pictures or a folder here",
        f"#/trials/{trial}": "Least certain first",
        f"#/trials/{trial}/verify": "The model says",
        f"#/projects/{PROJECT}/compare/1-2": "Where they differ",
        "#/dashboard": "Images processed",
    }
    for width, dark in ((1280, False), (390, True)):
        tab.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.send("Emulation.setEmulatedMedia", features=[scheme])
        for place, words in views.items():
            tab.go(place)
            tab.until(f"document.body.innerText.includes({json.dumps(words)})")
            assert tab.value("document.documentElement.scrollWidth <= innerWidth + 1"), (place, width)
            unnamed = tab.value(
                "[...document.querySelectorAll('button, a, input:not([type=file]), select')].filter((item) =>"
                " !item.innerText?.trim() && !item.getAttribute('aria-label') && !item.closest('label'))"
                ".length"
            )
            assert unnamed == 0 and tab.value("document.querySelectorAll('h1').length") == 1, place
    assert tab.value("getComputedStyle(document.body).backgroundColor") != wide
    assert_calm(tab, served)


def test_a_threshold_is_chosen_on_the_page(served: Served, browse: Callable[..., Tab]) -> None:
    tab = browse(served.address())
    tab.go(f"#/projects/{PROJECT}/models/1")
    try:
        tab.value(
            "(() => { const slider = document.getElementById('threshold'); slider.value = 0.9;"
            " slider.dispatchEvent(new Event('input')); })()"
        )
        assert tab.value("document.querySelector('output').textContent") == "0.900"
        tab.click("#save-threshold")
        tab.until("document.body.innerText.includes('The threshold is now 0.900')")
        tab.click("#by-costs")
        tab.until("(document.body.innerText.match(/The threshold is now/g) ?? []).length === 2")
        now = served.console.get_model_evaluation(ProjectName=PROJECT, ModelVersion="1")["Threshold"]
        assert tab.value("document.querySelector('output').textContent") == f"{now:.3f}"
        assert now < 0.9
    finally:
        served.query("update models set threshold = null where version = 1")
    assert_calm(tab, served)


def test_pictures_are_sent_from_the_page(served: Served, browse: Callable[..., Tab]) -> None:
    pictures = sorted((served.root / "pictures" / "normal").glob("*.png"))[:2]
    note = served.root / "broken.png"
    note.write_bytes(b"no picture")
    tab = browse(served.address())
    tab.go(f"#/projects/{PROJECT}/try/1")
    document = tab.send("DOM.getDocument")["root"]["nodeId"]
    node = tab.send("DOM.querySelector", nodeId=document, selector="#choose-files")["nodeId"]
    tab.send("DOM.setFileInputFiles", nodeId=node, files=[*map(str, pictures), str(note)])
    tab.until("location.hash.startsWith('#/trials/')")
    tab.until("document.querySelectorAll('.tiles li').length === 3")
    assert "neither a PNG nor a JPEG" in tab.text()
    assert_calm(tab, served)


def test_training_is_started_from_the_page_and_why_it_failed_is_shown(
    served: Served, browse: Callable[..., Tab]
) -> None:
    served.vision.create_project(ProjectName="gone")
    for index in range(13):
        put = served.console.put_dataset_image(
            ProjectName="gone", DatasetType="train", Name=f"{index}.png", Label="NORMAL",
            ContentType="image/png", Body=photo(index),
        )  # fmt: skip
    folder = (served.data / "images" / put["SourceRef"].removeprefix("brume://images/")).parent
    for path in folder.iterdir():  # pictures that were there when they were added
        path.unlink()
    tab = browse(served.address())
    tab.go("#/projects/gone")
    tab.click("#train")
    tab.click("#dialog .primary")
    tab.until("document.body.innerText.includes('Training has started')")
    tab.until("document.body.innerText.includes('Training failed')", 90)
    assert "cannot be used" in tab.text(), tab.text()
    assert_calm(tab, served)
