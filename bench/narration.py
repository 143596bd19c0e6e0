"""How true, how clear and how fast the voices of narration are.

Usage: ``python -m bench.narration [--data DIR] [--articles N]``.

The data is in --data, else in $BRUME_DATA/speech or ../shared/data/speech: articles of 18F (English, CC0),
of Software Carpentry (Spanish, CC BY 4.0), and the page that AWS's sample reads, with Amazon Polly's own
recording of it (MIT-0). Figures, each beside its target:

- marks at pauses: for all pauses of at least 150 ms in the sound, how far the nearest mark of a word is from
  the end of the pause, and the median of that with its sign;
- marks in mid-phrase: Whisper aligns the text to the sound, all words of it, none left out; how far its
  starts are from the marks, and how far without the time by which its starts are early on the whole. Words
  after a pause are apart: Whisper gives them its silence;
- order: words out of order, and places in bytes that do not slice back to their word;
- agreement: two requests give the same samples and the same marks;
- intelligibility: word errors of Whisper base on the page of AWS's sample, with Polly's recording beside it,
  and on the Spanish text;
- loudness and true peak of every article;
- speed: characters a second to an MP3, from text that was never spoken, by two threads; milliseconds to the
  first bytes of a sentence; and the speed of the Spanish voice.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from brume import weights
from brume.captions.pipeline.accuracy import errors, words_of
from brume.narration.model.encoding import encode
from brume.narration.model.loudness import loudness, true_peak
from brume.narration.model.marks import SENTENCE, WORD, Marker
from brume.narration.model.resampling import resampled
from brume.narration.model.ssml import read
from brume.narration.model.synthesis import RATE, Spoken, synthesise
from brume.narration.model.visemes import viseme
from brume.narration.model.voice import Samples, Voice, VoiceError
from brume.narration.model.voices import Catalogue

HEARD = 16000  # Hz, what Whisper takes
PAUSE = 0.15  # seconds of the shortest pause: k and t are silent for less
CLOSE = 0.1  # seconds that a mark may be from its sound
QUIET = 0.02  # of the loudest 5 ms
LONGEST = 28.0  # seconds of sound that Whisper aligns at once
ENGLISH, SPANISH = "Heart", "ef_dora"
SPOKEN = 1500  # characters of Spanish, whose voice is slow


def paragraphs(path: Path) -> list[str]:
    """Return the plain paragraphs of an article in Markdown: no lists, tables, headings or code."""
    text = path.read_text(encoding="utf-8").split("\n---\n", 1)[1]
    text = re.sub(
        r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", re.sub(r"<[^>]+>|```.*?```", "", text, flags=re.S)
    )
    found = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    return [re.sub(r"[*_`]+", "", block) for block in found if re.match(r"[^\W\d_¿¡“\"]", block)]


def speak(voice: Voice, text: str, language: str) -> list[Spoken]:
    """Return a text as it is spoken."""
    return list(synthesise(read(text, ssml=False, language=language).sentences, voice, lambda code: voice))


def joined(spoken: Sequence[Spoken]) -> Samples:
    """Return the sound of all sentences."""
    return np.concatenate([one.samples for one in spoken])


def starts(spoken: Sequence[Spoken]) -> list[tuple[float, str, str]]:
    """Return start, text and reading of each word in the stream."""
    found, offset = [], 0
    for one in spoken:
        found += [(offset / RATE + at.start, word.text, word.spoken) for word, at in one.words]
        offset += len(one.samples)
    return found


def pauses(samples: Samples) -> list[tuple[float, float]]:
    """Return where each pause begins and ends, in seconds; silence at the ends is none."""
    step = RATE // 200
    count = len(samples) // step
    level = np.sqrt(np.mean(samples[: count * step].reshape(count, step) ** 2, axis=1))
    quiet = np.concatenate([[False], level < QUIET * level.max(), [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(int))).reshape(-1, 2)
    return [
        (start / 200, end / 200)
        for start, end in edges
        if (end - start) / 200 >= PAUSE and start > 0 and end < count
    ]


def at_pauses(spoken: Sequence[Spoken]) -> list[float]:
    """Return how far the nearest mark is from the end of each pause: below 0 it comes early."""
    times = [start for start, _, _ in starts(spoken)]
    return [min((at - end for at in times), key=abs) for _, end in pauses(joined(spoken))]


class Listener:
    """Whisper base, for what is understood and when."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        folder = weights.find("whisper-base")
        self._model: Any = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=2)

    def heard(self, samples: Samples, language: str) -> str:
        """Return what is understood of sound at HEARD."""
        segments, _ = self._model.transcribe(
            samples, language=language, beam_size=5, condition_on_previous_text=False
        )
        return " ".join(segment.text for segment in segments)

    def aligned(self, samples: Samples, words: Sequence[str], language: str) -> list[float]:
        """Return the start of each of the words in sound at HEARD, all of them."""
        from faster_whisper.tokenizer import Tokenizer

        tokenizer = Tokenizer(self._model.hf_tokenizer, True, task="transcribe", language=language)
        padded = np.zeros(int(30 * HEARD), np.float32)
        padded[: len(samples)] = samples
        features = self._model.feature_extractor(padded, padding=0)[:, :3000]
        tokens = tokenizer.encode(" " + " ".join(words))
        (found,) = self._model.find_alignment(
            tokenizer, [tokens], self._model.encode(features), int(len(samples) / HEARD * 100)
        )
        pieces = [(str(one["word"]), float(one["start"])) for one in found]
        at = [start for text, start in pieces if text.startswith(" ") and text.strip()]
        return at if len(at) == len(words) else []


def mid_phrase(
    spoken: Sequence[Spoken], listener: Listener, language: str
) -> tuple[list[float], list[float], int]:
    """Return Whisper's starts less the marks', of words in phrases and of those after pauses.

    The third is how many words could not be aligned.
    """
    within: list[float] = []
    behind: list[float] = []
    lost = 0
    for one in spoken:
        pieces = [
            (at.start, piece, index == 0)
            for word, at in one.words
            for index, piece in enumerate(word.spoken.split())
        ]
        sound = resampled(one.samples, RATE, HEARD)
        short = 0 < len(one.samples) / RATE <= LONGEST and bool(pieces)
        times = listener.aligned(sound, [piece for _, piece, _ in pieces], language) if short else []
        if not times:
            lost += len(one.words)
            continue
        ends = [pieces[0][0], *(end for _, end in pauses(one.samples))]
        for heard, (start, _, first) in zip(times, pieces, strict=True):
            if first:
                after = any(abs(start - end) <= CLOSE for end in ends)
                (behind if after else within).append(heard - start)
    return within, behind, lost


def marks(text: str, spoken: Sequence[Spoken]) -> list[dict[str, Any]]:
    """Return the speech marks of a text."""
    marker = Marker(text, {SENTENCE, WORD}, viseme)
    return [json.loads(line) for one in spoken for line in marker.lines(one)]


def wrong(text: str, found: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Return how many marks are out of order, and how many places do not slice back to their word."""
    data = text.encode()
    order = sum(before["time"] > after["time"] for before, after in itertools.pairwise(found))
    return order, sum(data[mark["start"] : mark["end"]].decode() != mark["value"] for mark in found)


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile, NaN of nothing."""
    return float(np.quantile(values, share)) if len(values) else float("nan")


def truth(voice: Voice, listener: Listener | None, articles: Sequence[tuple[str, str]]) -> None:
    """Print how true the marks of English articles are."""
    off: list[float] = []
    apart: list[float] = []
    after: list[float] = []
    lost = words = order = places = differ = 0
    for name, text in articles:
        spoken = speak(voice, text, "en-US")
        off += at_pauses(spoken)
        words += len(starts(spoken))
        found = marks(text, spoken)
        order, places = order + wrong(text, found)[0], places + wrong(text, found)[1]
        again = speak(voice, text, "en-US")
        differ += not np.array_equal(joined(spoken), joined(again)) or marks(text, again) != found
        sound = joined(spoken)
        print(
            f"  {name[:44]:44} {len(text):6} characters {len(sound) / RATE:6.1f} s "
            f"{loudness(sound, RATE):6.1f} LUFS {true_peak(sound):5.1f} dBTP",
            flush=True,
        )
        if listener is not None:
            within, behind, without = mid_phrase(spoken, listener, "en")
            apart, after, lost = apart + within, after + behind, lost + without
    close = sum(abs(value) <= CLOSE for value in off) / len(off)
    print(
        f"marks at pauses: {len(off)} pauses, within 100 ms {close:.3f} (target >= .95), median "
        f"{1000 * statistics.median(off):+.0f} ms (target under 20)"
    )
    print(
        f"marks of {words} words: out of order {order}, wrong bytes {places}, "
        f"articles that differ when spoken again {differ} (targets 0)"
    )
    if apart:
        bias = statistics.median(apart)
        rest = [abs(value - bias) for value in apart]
        print(
            f"marks in mid-phrase: {len(apart)} words and {len(after)} after pauses aligned, {lost} not; "
            f"Whisper's starts {1000 * bias:+.0f} ms; without that p50 {1000 * quantile(rest, 0.5):.0f}, "
            f"p95 {1000 * quantile(rest, 0.95):.0f}, p99 {1000 * quantile(rest, 0.99):.0f} ms, "
            f"within 100 ms {sum(value <= CLOSE for value in rest) / len(rest):.3f}"
        )


def clear(voice: Voice, listener: Listener, data: Path) -> None:
    """Print the word errors on the page of AWS's sample, beside Polly's."""
    from bench.speech import read as recording

    lines = map(json.loads, (data / "polly/Joanna.marks").read_text().splitlines())
    page = [line["value"].strip() for line in lines if line["type"] == "sentence"]
    text = "\n\n".join(page)
    for name, samples in (
        (voice.info.name, resampled(joined(speak(voice, text, "en-US")), RATE, HEARD)),
        ("Polly's Joanna", recording(data / "polly/Joanna.mp3")),
    ):
        heard = listener.heard(samples, "en")
        counted = errors(words_of(" ".join(page), "en"), words_of(heard, "en"))
        print(f"intelligibility: {name}: word errors {counted.rate:.3f} of {counted.words}", flush=True)


def fast(voice: Voice, texts: Sequence[str]) -> None:
    """Print characters a second to MP3, and the time to the first bytes of a sentence."""
    speak(voice, texts[0][:200], "en-US")  # what is loaded with the first words
    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(2) as pool:
        sounds = list(pool.map(lambda text: joined(speak(voice, text, "en-US")), texts))
        size = sum(len(part) for part in encode(iter(sounds), source=RATE, name="mp3", rate=RATE))
    spent, used = time.monotonic() - began, time.process_time() - cpu
    count = sum(map(len, texts))
    print(
        f"speed: {count} characters to {size} bytes of MP3: {count / spent:.0f} a second, "
        f"{count / used:.0f} a CPU second (target >= 1500 on two quiet cores; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()})"
    )
    firsts = []
    for text in texts[:20]:
        sentence = re.split(r"(?<=[.!?])\s", text)[0]
        began = time.monotonic()
        spoken = synthesise(read(sentence, ssml=False, language="en-US").sentences, voice, lambda code: voice)
        next(iter(encode((one.samples for one in spoken), source=RATE, name="mp3", rate=RATE)))
        firsts.append(1000 * (time.monotonic() - began))
    print(
        f"first bytes of a sentence: p50 {quantile(firsts, 0.5):.0f}, "
        f"p95 {quantile(firsts, 0.95):.0f} ms (target < 400)"
    )


def spanish(voice: Voice, listener: Listener | None, texts: Sequence[str]) -> None:
    """Print how fast, how true and how clear the Spanish voice is."""
    sizes = itertools.accumulate(map(len, texts))
    chosen = "\n\n".join(text for text, size in zip(texts, sizes, strict=True) if size <= SPOKEN)
    began, cpu = time.monotonic(), time.process_time()
    spoken = speak(voice, chosen, "es-ES")
    spent, used = time.monotonic() - began, time.process_time() - cpu
    sound = joined(spoken)
    off = at_pauses(spoken)
    close = sum(abs(value) <= CLOSE for value in off) / max(len(off), 1)
    seconds = len(sound) / RATE
    print(
        f"Spanish: {len(chosen)} characters, {seconds:.0f} s of sound: {spent / seconds:.2f} s a second, CPU "
        f"{used / seconds:.2f} (target <= 1); {len(off)} pauses, within 100 ms {close:.3f}; "
        f"{loudness(sound, RATE):.1f} LUFS, {true_peak(sound):.1f} dBTP"
    )
    if listener is not None:
        heard = listener.heard(resampled(sound, RATE, HEARD), "es")
        counted = errors(words_of(chosen, "es"), words_of(heard, "es"))
        print(f"intelligibility: {voice.info.name}: word errors {counted.rate:.3f} of {counted.words}")


def main() -> None:
    """Speak the articles and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.narration", description=__doc__.partition("\n")[0])
    given = os.environ.get("BRUME_DATA")
    default = Path(given) / "speech" if given else Path("../shared/data/speech")
    parser.add_argument("--data", type=Path, default=default, help="the folder of speech")
    parser.add_argument("--articles", type=int, default=5, help="how many of the English articles")
    options = parser.parse_args()
    files = sorted((options.data / "articles-en").glob("*.md"))[: options.articles]
    if not files:
        sys.exit(f"{options.data} holds no articles: name its folder by --data or BRUME_DATA")
    try:
        catalogue = Catalogue()
        english = catalogue.load(ENGLISH)
    except VoiceError as error:
        sys.exit(str(error))
    try:
        listener = Listener()
    except (weights.WeightsError, ImportError) as error:
        print(f"without recognition: {error}")
        listener = None
    articles = [(path.stem, "\n\n".join(paragraphs(path))) for path in files]
    print(f"{ENGLISH} ({english.info.version}): {len(articles)} articles of 18F")
    fast(english, [paragraph for path in files for paragraph in paragraphs(path)])
    truth(english, listener, articles)
    if listener is not None:
        clear(english, listener, options.data)
    try:
        voice = catalogue.load(SPANISH)
    except VoiceError as error:
        print(f"without Spanish: {error}")
        return
    texts = [paragraphs(path) for path in sorted((options.data / "articles-es").glob("*.md"))]
    spanish(voice, listener, list(itertools.chain.from_iterable(texts)))


if __name__ == "__main__":
    main()
