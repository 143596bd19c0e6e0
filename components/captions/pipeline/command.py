"""`brume captions`: speech of a file or a pipe to text in the terminal, subtitles and live captions."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from brume import storage
from brume.captions.model.audio import AudioError, Source, blocks
from brume.captions.model.cues import Cue, Cues, StableItems
from brume.captions.model.hls import HlsFolder
from brume.captions.model.hypothesis import RATE, Recogniser, Samples
from brume.captions.model.items import text_of
from brume.captions.model.listening import Pipe, steps
from brume.captions.model.live import Live, LiveSettings, Result
from brume.captions.model.recognisers import Recognisers, RecogniserSettings, language
from brume.captions.model.stabiliser import LEVELS
from brume.captions.model.subtitles import FORMATS, write
from brume.captions.model.vocabulary import Spelling
from brume.run.failing import fail
from brume.variables import VariableError, read
from brume.weights import WeightsError

# A word may be reported so many seconds after it began where none has been shown of its segment.
_UNSEEN = 3.0
_UNDERLINE, _PLAIN, _CLEAR = "\x1b[4m", "\x1b[24m", "\r\x1b[2K"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "audio",
    metavar="FILE|-",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option(
    "--language",
    "codes",
    default="en-US",
    show_default=True,
    metavar="CODE",
    help="As Transcribe writes it; of several with commas the one that is spoken is found.",
)
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="medium",
    show_default=True,
    help="How soon words stay.",
)
@click.option("--live", is_flag=True, help="Show words as they are recognised; underlined ones may change.")
@click.option(
    "--vtt",
    "subtitles",
    multiple=True,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write subtitles: WebVTT, SubRip or TTML by its end (.vtt, .srt, .ttml); may be repeated.",
)
@click.option(
    "--hls",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write live captions for HLS: WebVTT segments and their playlist captions.m3u8, as they come.",
)
@click.option("--rate", type=click.IntRange(8000, 48000), default=RATE, show_default=True, help="Hz of pcm.")
@click.option(
    "--console", is_flag=True, help="Print an address that opens the engine's web page, once, and end."
)
@click.option("--data", type=click.Path(path_type=Path), help="With --console: the engine's data folder.")
def captions(
    audio: str | None,
    codes: str,
    level: str,
    live: bool,
    subtitles: tuple[Path, ...],
    hls: Path | None,
    rate: int,
    console: bool,
    data: Path | None,
) -> None:
    """Print what is spoken in a sound file, or on standard input while it comes (-), each line once.

    Standard input is WAV, FLAC, Ogg or Matroska, or else pcm: signed 16 bit little-endian, one channel.

    \b
        brume captions talk.mp3 --vtt talk.vtt
        arecord -f S16_LE -r 16000 | brume captions - --live
        ffmpeg -i rtmp://... -f wav - | brume captions - --hls captions/

    Ctrl-C ends it with what was heard so far.
    """
    if console:
        click.echo(_page(data))
        return
    if audio is None:
        raise click.UsageError("name a sound file, or - for standard input")
    for path in subtitles:
        if _kind(path) not in FORMATS:
            raise click.UsageError(f"--vtt {path}: the name must end in .vtt, .srt or .ttml")
        if not path.parent.is_dir():
            raise click.UsageError(f"--vtt {path}: there is no folder {path.parent}")
    if audio == "-" and sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal: pipe audio into it, or name a file")
    name = "standard input" if audio == "-" else audio
    spoken = tuple(dict.fromkeys(language(code.strip()) for code in codes.split(",") if code.strip()))
    partials = hls is not None or (live and sys.stdout.isatty())
    try:
        settings = LiveSettings(spoken, LEVELS[level], Spelling(()), partials=partials)
        run = _Run(_recogniser(spoken), settings, _Screen(partials=live and sys.stdout.isatty()), hls)
        with _interrupted() as stopped:
            for samples in _samples(audio, rate, stopped, fine=partials):
                run.accept(samples)
        run.finish()
        for path in subtitles:
            text = write(run.cues, _kind(path), language=codes.partition(",")[0])
            storage.write_bytes(str(path), text.encode())
    except AudioError as error:
        fail(f"{name}: {error}")
    except (WeightsError, VariableError) as error:
        fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read the lines has gone
        sys.exit(1)
    except OSError as error:
        fail(str(error))
    if not run.heard:
        fail(f"{name}: there is no audio in it")
    if not run.screen.lines:
        click.echo(f"brume: no speech was found in {run.heard:.1f} s of audio", err=True)


def _page(data: Path | None) -> str:
    """Return an address that opens the web page of the engine that runs on `data`."""
    from brume.aws.engine import catalog, page_token

    folder = data or catalog.data_folder("captions")
    if catalog.running(folder) is None:
        fail(f"no captions engine runs on {folder}: start one with `brume engine captions`, or give --data")
    try:
        return page_token.address(folder, "/captions")
    except (OSError, ValueError) as error:
        fail(f"the console's token cannot be read: {error}")


def _kind(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()


def _recogniser(spoken: tuple[str, ...]) -> Recogniser:
    """Return what recognises these languages. Ends with a message for one that it does not know."""
    if not spoken:
        fail("--language: name a language, as en-US")
    found = Recognisers(read(RecogniserSettings)).of(spoken)
    unknown = [one for one in spoken if one not in found.languages]
    if unknown:
        fail(f"--language: the model {found.name} does not know {', '.join(unknown)}")
    return found


@contextlib.contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Yield whether Ctrl-C was pressed; once more, and it ends the command at once."""
    stopped = threading.Event()

    def interrupt(_number: int, _frame: Any) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    signal.signal(signal.SIGINT, interrupt)
    yield stopped.is_set


def _samples(audio: str, rate: int, stopped: Callable[[], bool], *, fine: bool) -> Iterator[Samples]:
    """Iterate the samples until the end or `stopped`; `fine`: in steps that show partial results."""
    if audio == "-":
        yield from Pipe(sys.stdin.fileno(), rate).pieces(stopped)
        return
    for (samples,) in blocks(partial(Path(audio).open, "rb"), Source()):
        for piece in steps(samples) if fine else (samples,):
            if stopped():
                return
            yield piece


class _Screen:
    """Prints each segment once, when it is final; with `partials` (a terminal) what is not, in place."""

    def __init__(self, *, partials: bool) -> None:
        self._partials = partials
        self.lines = 0

    def show(self, result: Result) -> None:
        """Take a result."""
        if not result.partial:
            if result.text:
                self.lines += 1
                click.echo(f"{_CLEAR if self._partials else ''}{result.text}")
        elif self._partials:
            count = next((i for i, item in enumerate(result.items) if not item.stable), len(result.items))
            stable = text_of(result.items[:count])
            rest = result.text[len(stable) :]
            width = os.get_terminal_size(sys.stdout.fileno()).columns - 1
            over = max(len(result.text) - width, 0)  # the end is what is new
            text = f"{stable[over:]}{_UNDERLINE}{rest[max(over - len(stable), 0) :]}{_PLAIN}"
            click.echo(f"{_CLEAR}{text}", nl=False)

    def close(self) -> None:
        """Leave no partial line behind."""
        if self._partials:
            click.echo(_CLEAR, nl=False)


class _Run:
    """One stream: what is recognised goes to the terminal, into cues and into HLS segments."""

    def __init__(
        self, recogniser: Recogniser, settings: LiveSettings, screen: _Screen, hls: Path | None
    ) -> None:
        self.screen = screen
        self.cues: list[Cue] = []
        self._live = Live(recogniser, settings)
        self._stable, self._maker = StableItems(), Cues()
        self._hls = HlsFolder(hls) if hls else None
        self._open = False  # words of the segment that goes on have been shown

    @property
    def heard(self) -> float:
        """Seconds of audio."""
        return self._live.seconds

    def accept(self, samples: Samples) -> None:
        """Take the next samples."""
        self._show(self._live.accept(samples))
        if not self._open and self._hls:
            self._caption(self._maker.advance(self.heard - _UNSEEN))

    def finish(self) -> None:
        """Take the end of the stream."""
        self._show(self._live.finish() if self.heard else [])
        self.screen.close()
        cues = self._maker.finish()
        self.cues += cues
        if self._hls:
            self._hls.finish(cues, self.heard)

    def _show(self, results: Iterable[Result]) -> None:
        for result in results:
            self._open = result.partial
            self.screen.show(result)
            fresh = self._stable.accept(result.identity, result.items, partial=result.partial)
            self._caption(self._maker.accept(fresh))

    def _caption(self, cues: list[Cue]) -> None:
        self.cues += cues
        if self._hls:
            self._hls.accept(cues, self._maker.settled)
