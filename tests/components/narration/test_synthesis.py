"""The cache of sounds: only what changed is spoken, and what was refused is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from brume.narration.pipeline.synthesis import AnswerError, Speaker, speak_all
from brume.narration.pipeline.voices import LexiconError, Voices
from brume.run.rejects import TooManyRejectsError
from tests.components.narration.polly import State
from tests.components.narration.sites import Made

FORTY = [f"Paragraph number {number} of the article." for number in range(40)]


def article(paragraphs: list[str], title: str = "Forty") -> str:
    return f"---\ntitle: {title}\n---\n\n" + "\n\n".join(paragraphs) + "\n"


def sounds(made: Made) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (made.out / "work" / "cache").glob("*.pcm")}


def rejects(made: Made) -> list[list[str]]:
    return list(csv.reader((made.out / "rejects.csv").read_text().splitlines()))[1:]


def test_one_changed_paragraph_of_forty_is_spoken_alone(made: Made, polly: State) -> None:
    made.write(forty=article(FORTY)).run()
    before, heard = sounds(made), len(polly.spoken)
    assert heard == 41
    changed = [*FORTY[:17], "This one is new.", *FORTY[18:]]
    made.write(forty=article(changed)).run()
    assert polly.spoken[heard:] == ["This one is new."]
    assert made.metrics["characters_synthesised"] == len("This one is new.")
    assert made.metrics["passages_kept"] == 40
    # What was spoken before is equal to the bit.
    assert {name: sounds(made)[name] for name in before} == before


def test_nothing_is_spoken_again_for_a_second_run_or_a_listeners_wishes(made: Made, polly: State) -> None:
    made.write(forty=article(FORTY[:3])).run()
    heard = len(polly.spoken)
    made.run()
    made.run(formats="mp3,opus", title="Another site", author="Other")
    made.write(other=article(FORTY[:3], title="The same text")).run()
    assert polly.spoken[heard:] == ["The same text"]


def test_the_same_paragraph_twice_is_spoken_once(made: Made, polly: State) -> None:
    made.write(a=article(["Same.", "Same.", "Other."])).run()
    assert sorted(polly.spoken) == ["Forty", "Other.", "Same."]


@pytest.mark.parametrize("change", ["speed", "voice", "version", "lexicon", "its content"])
def test_whatever_changes_the_sound_is_spoken_again(
    made: Made, polly: State, tmp_path: Path, change: str
) -> None:
    lexicon = tmp_path / "names.pls"
    lexicon.write_text("<lexicon>1</lexicon>")
    given: dict[str, Any] = {"lexicons": str(lexicon)} if change == "its content" else {}
    made.write(a=article(["One."])).run(**given)
    heard = len(polly.spoken)
    if change == "version":
        polly.version = "2"
    elif change == "its content":
        lexicon.write_text("<lexicon>2</lexicon>")
    else:
        given = {"speed": {"speed": 110}, "voice": {"voices": "Tono"}, "lexicon": {"lexicons": str(lexicon)}}[
            change
        ]
    made.out.joinpath("work/steps/synthesise.json").unlink()
    made.run(**given)
    assert sorted(polly.spoken[heard:]) == ["Forty", "One."]


def test_lexicons_reach_the_service_by_file_and_by_name(made: Made, polly: State, tmp_path: Path) -> None:
    lexicon = tmp_path / "names.pls"
    lexicon.write_text("<lexicon/>")
    polly.lexicons["known"] = "<lexicon>k</lexicon>"
    made.write(a=article(["One."])).run(lexicons=f"{lexicon},known")
    assert sorted(polly.lexicons.values()) == ["<lexicon/>", "<lexicon>k</lexicon>"]
    with pytest.raises(LexiconError, match="no lexicon unknown: put it there"):
        made.run(lexicons="unknown")
    lexicon.write_bytes("<lexicon>ñ</lexicon>".encode("latin-1"))
    with pytest.raises(LexiconError, match=r"names.pls is not UTF-8: byte 9"):
        made.run(lexicons=str(lexicon))


def test_every_rate_of_pcm_is_taken_the_best_first(made: Made, polly: State) -> None:
    polly.rates = frozenset({"16000"})
    made.write(a=article(["One."])).run()
    assert json.loads((made.out / "work/sounds/sounds.json").read_text())["a"]["rate"] == 16000


def test_each_language_has_its_voice_and_one_without_is_named(made: Made) -> None:
    made.write(
        a=article(["One."]),
        b="---\ntitle: Uno\nlang: es-MX\n---\n\nDos.\n",
        c="---\ntitle: Eins\nlang: de\n---\n\nZwei.\n",
    ).run()
    reason = "the service has no voice for the language de: it speaks en-US, es-ES"
    assert [row[:3] for row in rejects(made)] == [["c", "synthesise", reason]]
    assert {path.name for path in (made.site / "articles").iterdir()} == {"a", "b"}


def test_a_voice_that_is_misspelt_is_named(made: Made) -> None:
    with pytest.raises(TooManyRejectsError, match=r"no voice Tomo: did you mean Ton[eo]\?"):
        made.write(a=article(["One."])).run(voices="Tomo")


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("ar", "arb"),
        ("ar-EG", "arb"),
        ("zh", "cmn-CN"),
        ("zh-CN", "cmn-CN"),
        ("no", "nb-NO"),
        ("nn", "nb-NO"),
    ],
)
def test_a_language_of_several_has_the_voice_of_one_of_them(
    language: str, voice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [
        {"Id": code, "LanguageCode": code, "SupportedEngines": ["neural"]}
        for code in ("arb", "cmn-CN", "nb-NO")
    ]
    voices = Voices({})
    monkeypatch.setattr(voices, "_found", known)
    assert voices.of(language).id == voice


def test_refused_text_sets_its_article_aside_by_name_and_the_others_stay(made: Made, polly: State) -> None:
    polly.refuse = "unspeakable"
    made.write(a=article(["One."]), b=article(["This is unspeakable text."], title="B")).run()
    assert [row[0] for row in rejects(made)] == ["b"]
    assert "InvalidSsmlException: unspeakable cannot be spoken (in 'This is" in rejects(made)[0][2]
    assert {path.name for path in (made.site / "articles").iterdir()} == {"a"}
    with pytest.raises(TooManyRejectsError, match="max_rejected=0"):
        made.run(max_rejected=0)


def test_a_flapping_service_is_asked_again(made: Made, polly: State) -> None:
    polly.failing = 3
    made.write(a=article(FORTY[:5])).run()
    assert len(polly.spoken) == 6 and not rejects(made)


def test_a_service_that_is_down_fails_the_stage_and_what_was_spoken_stays(
    made: Made, polly: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.write(a=article(FORTY[:2])).run()
    made.write(a=article(FORTY[:3]))
    monkeypatch.setattr("brume.aws.client.ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", "http://127.0.0.1:9")
    with pytest.raises(EndpointConnectionError):
        made.run()
    monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", polly.url)
    heard = len(polly.spoken)
    made.run()
    assert polly.spoken[heard:] == [FORTY[2]]


def test_an_article_whose_marks_do_not_fit_its_sound_is_set_aside(made: Made, polly: State) -> None:
    made.write(a=article(["One."])).run()
    polly.late_marks = True
    made.write(b=article(["Two."], title="B"))
    with pytest.raises(TooManyRejectsError, match="is after the end of its sound"):
        made.run(max_rejected=0)
    made.run()
    assert [row[:2] for row in rejects(made)] == [["b", "assemble"]]
    assert {path.name for path in (made.site / "articles").iterdir()} == {"a"}


@pytest.mark.parametrize("ending", ["json", "pcm"])
def test_a_half_written_sound_is_spoken_again(made: Made, polly: State, ending: str) -> None:
    made.write(a=article(["One.", "Two."])).run()
    sound = sorted((made.out / "work" / "cache").glob(f"*.{ending}"))[0]
    sound.unlink()  # what a kill between the two files leaves, or a rule of a bucket that removes old ones
    heard = len(polly.spoken)
    made.run()
    assert len(polly.spoken) == heard + 1


def test_a_full_disk_is_an_error_and_the_next_run_goes_on(
    made: Made, polly: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume import storage

    write = storage.write_bytes
    left = [3]

    def full(uri: str, data: bytes) -> None:
        if uri.endswith(".pcm"):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device", uri)
        write(uri, data)

    monkeypatch.setattr(storage, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        made.write(a=article(FORTY[:6])).run(requests=1)
    monkeypatch.setattr(storage, "write_bytes", write)
    made.run(requests=1)
    assert len(sounds(made)) == 7 and sorted(set(polly.spoken)) == sorted([*FORTY[:6], "Forty"])


def test_sound_without_bytes_is_refused(
    polly: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume.narration.model.articles.article import Block
    from brume.narration.model.passages import passages

    monkeypatch.setattr("tests.components.narration.polly.speak", lambda text, rate: (b"", []))
    speaker = Speaker({}, "", str(tmp_path))
    asked = speaker.ask(passages([Block("paragraph", "Text.")], "en-US"))
    with pytest.raises(AnswerError, match="the service sent 0 bytes"):
        speak_all(speaker, asked, 1, lambda done, total: None)


@pytest.mark.long
def test_a_long_article_is_read_to_its_end(made: Made, polly: State) -> None:
    """A paragraph beyond the limit of a request is spoken in parts, and no character is lost."""
    paragraph = " ".join(f"Sentence {number} is read aloud." for number in range(300))
    made.write(a=article([paragraph, "The end."])).run()
    spoken = [text for text in polly.spoken if text not in ("Forty", "The end.")]
    assert sorted(" ".join(spoken).split()) == sorted(paragraph.split())
    marks = [json.loads(line) for line in next(made.site.rglob("marks.jsonl")).read_text().splitlines()]
    words = [mark["value"] for mark in marks if mark["type"] == "word"]
    assert len(words) == 5 * 300 + 3 and words[-2:] == ["The", "end"]
