"""Pictures of the console for the documentation, light and dark, while speech is recognised.

    python -m tests.components.captions.screenshots docs

writes docs/captions-light.png and docs/captions-dark.png. It needs the models and espeak-ng.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.components.captions.speech import SILENCE, encoded, spoken
from tests.components.captions.test_console import MICROPHONE, address, served
from tests.components.conftest import browser, visit

TEXT = (
    "Good morning, and welcome to the meeting. We begin with the report of the last month. "
    "The first point is the new line in the factory, which was opened on Tuesday."
)
FROM = 12  # words that are final when a picture is taken, so that others may still change


def take(root: Path, sound: Path, out: Path, *, dark: bool) -> None:
    """Write one picture, taken while some words may still change."""
    flag = f"--use-file-for-fake-audio-capture={sound}%noloop"
    name = "dark" if dark else "light"
    with browser(root / f"profile-{name}", MICROPHONE, flag) as found, served(root / name) as url:
        tab = visit(found, address(url, root / name), height=760, dark=dark)
        tab.send("Browser.setPermission", permission={"name": "microphone"}, setting="granted", origin=url)
        tab.tap("#microphone")
        tab.until(
            "document.querySelectorAll('.heard').length && [...document.querySelectorAll('.heard')]"
            f".map((line) => line.querySelector('.stable').textContent).join(' ').split(' ').length > {FROM}"
            " && [...document.querySelectorAll('.tentative')].at(-1).textContent.length > 8"
        )
        path = out / f"captions-{name}.png"
        path.write_bytes(tab.screenshot())
        print(path)


def main() -> int:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        sound = root / "speech.wav"
        sound.write_bytes(encoded(SILENCE + spoken(TEXT) + SILENCE, "wav"))
        for dark in (False, True):
            take(root, sound, options.folder, dark=dark)
    return 0


if __name__ == "__main__":
    sys.exit(main())
