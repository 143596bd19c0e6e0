"""How well and how soon speech becomes words that stay.

Usage: ``python -m bench.captions [--data DIR] [--part held-out|tuning] [--recorded FILE] [--levels-only]``.

The levels off, low, medium and high, side by side and from the same recognition, on real speech with known
text: in --data, else in $BRUME_DATA/speech or ../shared/data/speech. The settings of `brume.captions.model`
were chosen on the clips of the part "tuning"; figures are of the part "held-out".

Real time is virtual: audio arrives in pieces of 100 ms; a step of recognition begins when the last one has
ended and enough audio is there, and takes as long as it took (CPU time of the process, which on a machine
with an idle core is the time itself). Each clip is followed by 1.5 s of silence, so that its last segment
ends as in a stream that goes on. Columns:

- WER: word error rate, with its 95 % interval over clips (case, punctuation and spelling of numbers apart);
- Stable: seconds from the end of a word to the event that makes it Stable, compute included;
- early: share of words that are Stable before their segment ends;
- erased: words that were displayed and vanish, for each final word, when a word is displayed at once, and
  (gated) when it is displayed after two hypotheses in a row;
- first: seconds from the start of speech (by its loudness) to the first words displayed;
- revised: Stable items that were changed later, which must be 0.

Then: the CPU time for each second of audio; the starts of words against known ones, of espeak-ng (each word,
from its library) and of Amazon Polly (first words of sentences, from its speech marks); and three streams at
once in real time, by the clock of the wall, on two cores: how late they are at their end.

--recorded FILE keeps what was recognised, or takes it from there: to try other levels in a second.
"""

from __future__ import annotations

import argparse
import os
import pickle
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.speech import CLIPS, HELD_OUT, TUNING, Clip, onset, read, sentences, text_of_clip
from bench.word_times import NoEspeakError, Spoken, speak
from brume import weights
from brume.captions.model.hypothesis import RATE, Hypothesis, Recogniser, Samples
from brume.captions.model.live import Live, LiveSettings, Result
from brume.captions.model.stabiliser import LEVELS
from brume.captions.model.vocabulary import Spelling
from brume.captions.model.whisper import Whisper, WhisperSettings
from brume.captions.pipeline.accuracy import errors, rate, words_of
from brume.captions.pipeline.observation import Observation, Seen, Token, Word, observe, percentile

MODELS = {"en": "whisper-tiny.en", "es": "whisper-base"}
CHUNK = 0.1  # seconds of audio that arrive at once
SILENCE = 1.5  # seconds after each clip
# As the engine takes its steps (seconds): brume.captions.engine.streaming.
STEP, LONGEST_STEP, BEHIND = 0.25, 2.0, 0.75
STREAMS, POOL = 3, 2
CLOSE = 0.1  # seconds between a word's start and the known one


@dataclass
class Recorded:
    """What was recognised in a clip: for each step its audio, its hypotheses and when they were there."""

    steps: list[tuple[int, list[Hypothesis], float]] = field(default_factory=list)
    last: tuple[list[Hypothesis], float] = ([], 0.0)
    seconds: float = 0.0  # of audio
    compute: float = 0.0  # seconds
    long_steps: int = 0


def record(recogniser: Recogniser, samples: Samples, language: str) -> Recorded:
    """Recognise a clip in virtual real time."""
    found = Recorded()
    samples = np.concatenate([samples, np.zeros(int(SILENCE * RATE), np.float32)])
    recognition = recogniser.start(language)
    chunk, step, total = int(CHUNK * RATE), int(STEP * RATE), len(samples)
    found.seconds = total / RATE
    now, taken = 0.0, 0
    while taken < total:
        wanted = min(taken + step, total)
        now = max(now, min(-(-wanted // chunk) * chunk, total) / RATE)
        arrived = total if now >= found.seconds else int(now / CHUNK + 1e-9) * chunk
        longest = STEP if now - taken / RATE < BEHIND else LONGEST_STEP
        size = min(arrived - taken, int(longest * RATE))
        found.long_steps += size > 1.5 * step
        began = time.process_time()
        hypotheses = recognition.accept(samples[taken : taken + size])
        spent = time.process_time() - began
        now, found.compute, taken = now + spent, found.compute + spent, taken + size
        found.steps.append((size, hypotheses, now))
    began = time.process_time()
    hypotheses = recognition.finish()
    found.last = hypotheses, now + time.process_time() - began
    return found


class Replayed:
    """A recogniser that gives again what was recorded (`brume.captions.model.hypothesis.Recogniser`)."""

    def __init__(self, recorded: Recorded, language: str) -> None:
        self.name, self.languages = "recorded", (language,)
        self._recorded = recorded
        self._steps: Iterator[tuple[int, list[Hypothesis], float]] = iter(())

    def start(self, language: str, *, partials: bool = True) -> Replayed:
        """Begin at the first step."""
        self._steps = iter(self._recorded.steps)
        return self

    def detect(self, samples: Samples, languages: tuple[str, ...]) -> dict[str, float]:
        """Return that the language is the recorded one."""
        return {language: float(language in self.languages) for language in languages}

    def accept(self, samples: Samples) -> list[Hypothesis]:
        """Return the hypotheses of the next step."""
        return next(self._steps)[1]

    def finish(self) -> list[Hypothesis]:
        """Return the last ones."""
        return self._recorded.last[0]


def seen(result: Result, arrived: float) -> Seen:
    """Return a result as a client sees it."""
    tokens = tuple(
        Token(item.text, item.start, item.end, item.pronunciation, item.confidence, item.stable)
        for item in result.items
    )
    return Seen(arrived, result.end, result.identity, result.partial, tokens)


def replay(recorded: Recorded, language: str, level: str, shown: int) -> Observation:
    """Return what a client sees of recorded recognition at a level of stabilisation."""
    settings = LiveSettings((language,), replace(LEVELS[level], shown=shown), Spelling([]))
    live = Live(Replayed(recorded, language), settings)
    events: list[Seen] = []
    for size, _, arrived in recorded.steps:
        events += [seen(result, arrived) for result in live.accept(np.zeros(size, np.float32))]
    events += [seen(result, recorded.last[1]) for result in live.finish()]
    return observe(events)


def starts(words: Sequence[Word], known: Sequence[tuple[float, str]], language: str) -> list[float]:
    """Return by how much (seconds) words begin later than known, of those that were recognised."""
    reference = [(start, word) for start, text in known for word in words_of(text, language)[:1]]
    heard = [(word.token.start, key) for word in words for key in words_of(word.token.text, language)[:1]]
    steps = errors([word for _, word in reference], [word for _, word in heard]).steps
    found, position = [], 0
    for word, other, index in steps:
        if word and word == other:
            found.append(heard[index][0] - reference[position][0])
        position += bool(word)
    return found


def levels(data: Path, part: str, recorded: dict[str, Recorded]) -> int:
    """Print the figures of the levels; return how many Stable items were revised."""
    total = 0
    print(
        f"{'':11} {'level':7} {'WER':>6} {'interval':>13} {'words':>5} {'Stable p50':>10} {'p95':>6} "
        f"{'early':>6} {'erased':>7} {'gated':>6} {'first p50':>9} {'p95':>6} {'revised':>7}"
    )
    for language in MODELS:
        clips = [clip for clip in CLIPS if clip.language == language and clip.part == part]
        speech = {clip: read(data / clip.file, clip.start, clip.end) for clip in clips}
        begins = [onset(speech[clip]) for clip in clips]
        for level in LEVELS:
            views = [replay(recorded[clip.name], language, level, 1) for clip in clips]
            gated = [replay(recorded[clip.name], language, level, 2) for clip in clips]
            scores = rate(
                [
                    errors(words_of(text_of_clip(clip, data), language), words_of(view.text, language))
                    for clip, view in zip(clips, views, strict=True)
                ]
            )
            words = [word for view in views for word in view.words]
            waits = [word.to_stable for word in words]
            first = [
                view.first_shown - begin
                for view, begin in zip(views, begins, strict=True)
                if view.first_shown is not None
            ]
            revised = sum(view.revised for view in [*views, *gated])
            total += revised
            bounds = scores.interval
            shown = f"{bounds.low:.3f} to {bounds.high:.3f}" if bounds else ""
            print(
                f"{language:11} {level:7} {scores.value:6.3f} {shown:>14} {scores.words:5} "
                f"{percentile(waits, 0.5):10.2f} {percentile(waits, 0.95):6.2f} "
                f"{sum(word.early for word in words) / max(len(words), 1):6.0%} "
                f"{sum(view.erased for view in views) / max(len(words), 1):7.2f} "
                f"{sum(view.erased for view in gated) / max(len(words), 1):6.2f} "
                f"{percentile(first, 0.5):9.2f} {percentile(first, 0.95):6.2f} {revised:7}",
                flush=True,
            )
        costs = [recorded[clip.name] for clip in clips]
        audio = sum(one.seconds for one in costs)
        print(
            f"{language:11} {audio:.0f} s of audio, CPU seconds a second "
            f"{sum(one.compute for one in costs) / audio:.2f}, "
            f"long steps {sum(one.long_steps for one in costs)}",
            flush=True,
        )
    return total


def print_starts(name: str, late: Sequence[float]) -> None:
    """Print how near the starts of words are to known ones."""
    close = sum(abs(value) <= CLOSE for value in late) / max(len(late), 1)
    print(
        f"  {name:34} {close:5.0%} of {len(late)} words within {CLOSE * 1000:.0f} ms; "
        f"median {percentile(late, 0.5):+.3f} s, p5 {percentile(late, 0.05):+.3f}, "
        f"p95 {percentile(late, 0.95):+.3f}",
        flush=True,
    )


def word_starts(
    data: Path, part: str, recorded: dict[str, Recorded], recognisers: dict[str, Whisper]
) -> None:
    """Print the starts of words against those that are known."""
    print("word starts against known ones (level off)")
    for clip in CLIPS:
        if clip.file.startswith("polly") and clip.part == part:
            view = replay(recorded[clip.name], "en", "off", 1)
            firsts = [(start, word) for start, word in marked(clip, data)]
            print_starts("Amazon Polly, first words", starts_of_sentences(view.words, firsts))
    for language, texts in SPOKEN.items():
        try:
            spoken: list[Spoken] = [speak(text, language) for text in texts]
        except NoEspeakError as error:
            print(f"  {error}")
            return
        late: list[float] = []
        for one in spoken:
            view = replay(record(recognisers[language], one.samples, language), language, "off", 1)
            late += starts(view.words, one.words, language)
        print_starts(f"espeak-ng {language}", late)


def marked(clip: Clip, data: Path) -> list[tuple[float, str]]:
    """Return the words of a clip of Polly's; all but the first of a sentence have no known start (NaN)."""
    return [
        (start if index == 0 else float("nan"), word)
        for start, text in sentences(clip, data)
        for index, word in enumerate(re.findall(r"\S+", text))
    ]


def starts_of_sentences(words: Sequence[Word], known: Sequence[tuple[float, str]]) -> list[float]:
    """Return by how much the words with a known start begin later."""
    return [value for value in starts(words, known, "en") if value == value]


SPOKEN = {
    "en": (
        "The council opened a new library near the river on Monday morning.",
        "Please bring a warm coat, because the evening train is often late.",
        "Our garden has seven apple trees and a small wooden table.",
    ),
    "es": (
        "El ayuntamiento abrió una biblioteca nueva junto al río el lunes por la mañana.",
        "Por favor, trae un abrigo, porque el tren de la tarde llega con retraso.",
    ),
}


def at_once(data: Path, recogniser: Whisper) -> None:
    """Run three streams in real time on a pool of two threads, and print how late they are."""
    clips = [clip for clip in CLIPS if clip.language == "en" and clip.part == HELD_OUT][:4]
    gap = np.zeros(int(0.8 * RATE), np.float32)
    audio = np.concatenate([part for clip in clips for part in (read(data / clip.file), gap)])
    settings = LiveSettings(("en",), LEVELS["high"], Spelling([]))
    behind: list[float] = []
    long_steps: list[int] = []
    with ThreadPoolExecutor(POOL) as pool:

        def stream(delay: float) -> None:
            live = Live(recogniser, settings)
            began, taken, longer = time.monotonic() + delay, 0, 0
            late: list[float] = []
            while taken < len(audio):
                ready = began + min(taken + int(STEP * RATE), len(audio)) / RATE
                time.sleep(max(ready - time.monotonic(), 0))
                lag = time.monotonic() - began - taken / RATE
                most = STEP if lag < BEHIND else LONGEST_STEP
                arrived = min(int((time.monotonic() - began) * RATE), len(audio))
                size = max(min(arrived - taken, int(most * RATE)), 1)
                longer += size > 1.5 * STEP * RATE
                pool.submit(live.accept, audio[taken : taken + size]).result()
                taken += size
                late.append(time.monotonic() - began - taken / RATE)
            behind.extend(late)
            long_steps.append(longer)

        threads = [threading.Thread(target=stream, args=(0.08 * number,)) for number in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(
        f"{STREAMS} streams of {len(audio) / RATE:.0f} s at once, {POOL} threads, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}: result after the audio p50 {percentile(behind, 0.5):.2f} s, p95 "
        f"{percentile(behind, 0.95):.2f} s; long steps {sum(long_steps)}",
        flush=True,
    )


def main() -> None:
    """Recognise, or take what was recorded, and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.captions", description="how well and how soon speech becomes words that stay"
    )
    given = os.environ.get("BRUME_DATA")
    default = Path(given) / "speech" if given else Path("../shared/data/speech")
    parser.add_argument("--data", type=Path, default=default, help="the folder of speech")
    parser.add_argument("--part", choices=(HELD_OUT, TUNING), default=HELD_OUT)
    parser.add_argument("--recorded", type=Path, help="keeps what is recognised, or has it")
    parser.add_argument("--levels-only", action="store_true", help="neither word starts nor streams at once")
    options = parser.parse_args()
    if not (options.data / "transcripts.json").exists():
        sys.exit(f"{options.data} holds no speech: name its folder by --data or BRUME_DATA")
    recognisers = {
        language: Whisper(weights.find(name), name, WhisperSettings(streams=POOL))
        for language, name in MODELS.items()
    }
    recorded: dict[str, Recorded] = {}
    if options.recorded and options.recorded.exists():
        recorded = pickle.loads(options.recorded.read_bytes())  # noqa: S301 - our own file
    for clip in CLIPS:
        if clip.part == options.part and clip.name not in recorded:
            recogniser = recognisers[clip.language]
            samples = read(options.data / clip.file, clip.start, clip.end)
            if not recorded:  # what is loaded with the first decoding is not the cost of a stream
                record(recogniser, samples[: 2 * RATE], clip.language)
            recorded[clip.name] = record(recogniser, samples, clip.language)
    if options.recorded:
        options.recorded.write_bytes(pickle.dumps(recorded))
    print(f"part {options.part}; models {', '.join(MODELS.values())}")
    revised = levels(options.data, options.part, recorded)
    if not options.levels_only:
        word_starts(options.data, options.part, recorded, recognisers)
        at_once(options.data, recognisers["en"])
    if revised:
        sys.exit(f"{revised} Stable items were revised")


if __name__ == "__main__":
    main()
