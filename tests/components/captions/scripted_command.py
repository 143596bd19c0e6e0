"""`brume captions` as a program whose recogniser is scripted (a double): `python -m ... captions FILE`."""

from __future__ import annotations

from unittest import mock

from brume.captions.pipeline import command
from brume.pipelines.cli import main
from tests.components.captions.engines import Scripted, Single

if __name__ == "__main__":
    with mock.patch.object(command, "Recognisers", lambda settings: Single(Scripted())):
        main()
