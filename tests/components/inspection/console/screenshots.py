"""Pictures of the page for the documentation, light and dark, from brick scenes.

    python -m tests.components.inspection.console.screenshots docs

writes docs/console-light.png and docs/console-dark.png. It takes some minutes, most of them for training.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

from brume.aws.engine import catalog
from brume.aws.engine.page_token import TOKEN
from brume.inspection import demo
from brume.inspection.model.addresses import EVALUATIONS
from tests.aws.serving import KEY, client_of
from tests.components.conftest import BROWSERS, FLAGS, Tab
from tests.components.inspection.parts import Running, model_at, running
from tests.polling import until

PROJECT = "bricks"
VIEW = (1280, 860)
GAP = 16


def story(served: Running, root: Path) -> tuple[Any, str]:
    """Train version 1, verify a trial, retrain with it, and leave a second trial to be verified."""
    accepted = served.settings.data / "credentials"
    accepted.write_text(
        f"[default]\naws_access_key_id = {KEY.access_key}\naws_secret_access_key = {KEY.secret}\n"
        f"account = {KEY.account}\n"
    )
    state = {"name": "inspection", "url": served.url, "pid": os.getpid(), "services": []}
    (served.settings.data / catalog.STATE).write_text(json.dumps(state | {"credentials": str(accepted)}))
    vision, console = served.client, client_of(served.url, "brumeinspection")
    vision.create_project(ProjectName=PROJECT)
    put(console, "train", root / "train")
    put(console, "test", root / "test")
    train(vision, "1")
    first = trial(console, "1", "Monday, line 2", root / "monday")
    for result in console.list_trial_results(TrialId=first, Status="DETECTED", MaxResults=500)["Results"]:
        right = result["IsAnomalous"] == result["Name"].startswith("anomaly")
        console.verify_trial_result(
            TrialId=first, ResultId=result["ResultId"], Verdict="CORRECT" if right else "INCORRECT"
        )
    console.add_verified_to_dataset(TrialId=first, DatasetType="train")
    train(vision, "2")
    second = trial(console, "2", "Tuesday, line 2", root / "tuesday")
    return console, second


def put(console: Any, kind: str, folder: Path) -> None:
    for path in sorted([*folder.glob("normal/*"), *folder.glob("anomaly/*")]):
        console.put_dataset_image(
            ProjectName=PROJECT,
            DatasetType=kind,
            Name=f"{path.parent.name}/{path.name}",
            Label=path.parent.name.upper(),
            ContentType="image/jpeg",
            Body=path.read_bytes(),
        )
    print(kind, "sent", flush=True)


def train(vision: Any, version: str) -> None:
    bucket = EVALUATIONS.removeprefix("s3://").strip("/")
    vision.create_model(
        ProjectName=PROJECT, OutputConfig={"S3Location": {"Bucket": bucket, "Prefix": PROJECT + "/"}}
    )
    found = model_at(vision, PROJECT, version, "TRAINED", seconds=3600)
    print("version", version, found["Performance"], flush=True)


def trial(console: Any, version: str, name: str, folder: Path) -> str:
    made = console.create_trial(ProjectName=PROJECT, ModelVersion=version, Name=name)["Trial"]["TrialId"]
    for path in sorted([*folder.glob("normal/*"), *folder.glob("anomaly/*")]):
        console.detect_trial_image(
            TrialId=made,
            Name=f"{path.parent.name}/{path.name}",
            ContentType="image/jpeg",
            Body=path.read_bytes(),
        )
    return str(made)


def shoot(served: Running, console: Any, second: str, out: Path) -> None:
    """Verify a few pictures of the second trial by keyboard, and take the pictures."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory() as profile:
        words = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        browser = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            tab = open_tab(Path(profile) / "DevToolsActivePort")
            token = (served.settings.data / TOKEN).read_text()
            tab.send("Page.navigate", url=f"{served.url}/console/?token={token}")
            tab.until("document.readyState === 'complete' && location.protocol === 'http:'")
            detected = console.list_trial_results(TrialId=second, SortBy="CONFIDENCE_DESCENDING")["Results"]
            shown = next(
                item for item in detected if item["IsAnomalous"] and item["Name"].startswith("anomaly")
            )
            tab.go(f"#/trials/{second}/verify")
            for _ in range(4):
                name = tab.value("document.querySelector('.panel .name').textContent")
                predicted = tab.value("document.querySelector('.decision').textContent")
                tab.press("c" if name.startswith(predicted.lower()) else "i")
                time.sleep(0.3)
            tab.go("#/")
            views = {
                "light": [f"#/trials/{second}/verify?at={shown['ResultId']}", f"#/projects/{PROJECT}"],
                "dark": [f"#/trials/{second}", f"#/projects/{PROJECT}/models/2"],
            }
            for scheme, places in views.items():
                media = [{"name": "prefers-color-scheme", "value": scheme}]
                tab.send("Emulation.setEmulatedMedia", features=media)
                write(out / f"console-{scheme}.png", [picture(tab, place) for place in places])
        finally:
            browser.terminate()
            browser.wait()


def open_tab(port: Path) -> Tab:
    until(lambda: port.exists() and port.read_text().count("\n"), "the browser's port")
    address = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json/new?about:blank"
    with urllib.request.urlopen(urllib.request.Request(address, method="PUT")) as answer:
        tab = Tab(json.load(answer)["webSocketDebuggerUrl"])
    for domain in ("Page", "Runtime", "Log", "Network"):
        tab.send(f"{domain}.enable")
    size = {"width": VIEW[0], "height": VIEW[1], "deviceScaleFactor": 1, "mobile": False}
    tab.send("Emulation.setDeviceMetricsOverride", **size)
    return tab


def picture(tab: Tab, place: str) -> Image.Image:
    tab.go("#/dashboard")
    tab.go(place)
    tab.until("[...document.images].every((image) => image.complete || image.loading === 'lazy')")
    time.sleep(1.5)
    return Image.open(io.BytesIO(tab.screenshot())).convert("RGB")


def write(path: Path, views: list[Image.Image]) -> None:
    """Put views side by side, at a size that a README shows well."""
    whole = Image.new("RGB", (len(views) * (VIEW[0] + GAP) - GAP, VIEW[1]), "#8b949e")
    for index, view in enumerate(views):
        whole.paste(view, (index * (VIEW[0] + GAP), 0))
    whole.thumbnail((1800, 1800), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(path, optimize=True)
    print(path)


def main() -> int:
    """Run the story and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        sets = {"train": (60, 24, 1), "test": (14, 10, 2), "monday": (10, 8, 3), "tuesday": (12, 8, 4)}
        for part, (normal, anomalous, seed) in sets.items():
            demo.write(root / part, normal=normal, anomalous=anomalous, seed=seed)
        with running(root / "engine") as served:
            console, second = story(served, root)
            shoot(served, console, second, options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
