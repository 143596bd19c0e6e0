"""The narration engine as a program whose voices are tones (a double): `python -m ... narration ...`.

With TONES_WAIT, a named pipe, it writes there before a sentence that begins with "Wait", and then waits until
something is written there.
"""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from brume.aws.engine import run
from brume.narration.engine import engine
from tests.components.narration.tones import Choir


def _wait(text: str) -> None:
    if text.startswith("Wait") and "TONES_WAIT" in os.environ:
        Path(os.environ["TONES_WAIT"]).write_text("waiting")
        Path(os.environ["TONES_WAIT"]).read_text()


if __name__ == "__main__":
    with mock.patch.object(engine, "Catalogue", lambda settings: Choir(before=_wait)):
        run.main()
