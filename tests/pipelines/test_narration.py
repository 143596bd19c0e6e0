"""The narration pipeline as a command, killed in every stage, with a double of Polly."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from brume.narration.demo import make
from brume.pipelines.running import catalog
from tests.components.narration.polly import State, environment, serving
from tests.pipelines.runs import BRUME, began
from tests.polling import until

STAGES = [stage for stage in catalog.load("narration").stages if stage != "articles"]
GIVEN = ["title=My blog", "address=https://example.org/audio", "intro=You hear {title}."]


@pytest.fixture(scope="module")
def polly() -> Iterator[State]:
    with serving() as state:
        yield state


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's articles, and a file that is none."""
    folder = tmp_path_factory.mktemp("it's a blog") / "posts"
    make(folder)
    (folder / "empty.md").write_text("")
    return folder


def run(polly: State, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*BRUME, "run", "narration", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment(polly)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def finished(polly: State, articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "out"
    run(polly, f"articles={articles}", *GIVEN, "--out", str(out))
    return out


def states(out: Path) -> dict[str, str]:
    return {step["step"]: step["state"] for step in json.loads((out / "run.json").read_text())["steps"]}


def site(out: Path) -> dict[str, bytes]:
    """The files of a site, without those that count its changes."""
    names = ("catalog.json", ".catalog.json.lock")
    return {
        str(path.relative_to(out / "site")): path.read_bytes()
        for path in (out / "site").rglob("*")
        if path.is_file() and path.name not in names
    }


@pytest.mark.slow
def test_every_stage_is_done_and_the_site_is_whole(finished: Path) -> None:
    assert states(finished) == dict.fromkeys(STAGES, "finished")
    metrics = json.loads((finished / "run.json").read_text())["metrics"]["narration"]
    assert metrics["articles"] == 3 and metrics["characters_synthesised"] > 5000
    for name in ("pan", "pencil", "tides"):
        one = json.loads((finished / "site" / "articles" / name / "article.json").read_text())
        folder = finished / "site" / "articles" / name
        assert all((folder / audio["src"]).stat().st_size == audio["bytes"] for audio in one["audio"])
        assert (folder / one["transcript"]).read_text().count(" --> ") > 10
    tides = json.loads((finished / "site/articles/tides/article.json").read_text())
    assert [one["title"] for one in tides["chapters"]][:3] == [
        "How to read a tide table",
        "What the table says",
        "The rule of twelfths",
    ]


@pytest.mark.slow
def test_the_report_names_what_was_left_out_and_set_aside(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    for text in ("advertisement", "Buy our notebooks", "footnote", "it is empty", "characters"):
        assert text in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)
    (reject,) = csv.DictReader((finished / "rejects.csv").read_text().splitlines())
    assert (reject["article"], reject["step"], reject["reason"]) == ("empty.md", "read", "it is empty")


@pytest.mark.long
def test_a_second_run_takes_all_over(finished: Path, polly: State, articles: Path) -> None:
    spoken = len(polly.texts)
    run(polly, f"articles={articles}", *GIVEN, "--out", str(finished))
    assert states(finished) == dict.fromkeys(STAGES, "reused") and len(polly.texts) == spoken


@pytest.mark.long
def test_a_run_that_is_killed_in_each_stage_goes_on_and_ends_alike(
    finished: Path, polly: State, articles: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["run", "narration", f"articles={articles}", *GIVEN, "--out", str(out)]
    for stage in STAGES[:-1]:
        with subprocess.Popen(
            [*BRUME, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment(polly)},
        ) as process:
            until(lambda p=process, s=stage: began(p, out, s), stage, pause=0.005)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
    run(polly, *words[2:])
    assert site(out) == site(finished)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["articles=/no/such"], "articles=/no/such is not there"),
        (["publish=/tmp"], "publish needs articles"),
        (["voices=a,b"], "voices=a,b: write one voice, or LANGUAGE=VOICE"),
        (["language=en"], "language=en must be a code with a country"),
        (["formats=opus"], "formats=opus must be mp3, or mp3 and others"),
        (["address=ftp://x"], "address=ftp://x must be the site's URL"),
        (["lexicons=/no/such.pls"], "lexicons: /no/such.pls is not there"),
        (["intro={headline}"], "{headline} in '{headline}' is none of {title}"),
        (["speed=400"], "speed=400 must be from 50 to 200"),
        (["requests=0"], "requests=0 must be at least 1"),
    ],
)
def test_wrong_parameters_are_named_at_once(wrong: list[str], message: str) -> None:
    with pytest.raises(catalog.ParameterError, match=re.escape(message)):
        catalog.load("narration").arguments(wrong)
