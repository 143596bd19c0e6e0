"""Runs the application over a conveyor and logs each event at once, to be killed.

python -m tests.edge.killed CONFIG LOG PARTS SPACING_MS DELAY_MS     (ends when all is delivered)
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from gpiozero import Device

from tests.edge.conveyor import Conveyor, mock_pins
from tests.edge.scenario import drained, line

if __name__ == "__main__":
    config, log, parts, spacing, delay = sys.argv[1:]
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(*words: object) -> None:
        os.write(file, (" ".join(map(str, words)) + "\n").encode())

    Device.pin_factory = factory = mock_pins()
    conveyor = Conveyor(factory, float(spacing) / 1000, float(delay) / 1000)
    conveyor.broke = lambda number: note("broke", number, *conveyor.breaks[number])
    with line(Path(config), conveyor) as app:
        begin, start = app.store.begin, app._pusher._device.on

        def begun(part):
            future = begin(part)
            future.add_done_callback(lambda _: note("noted", part.number))
            return future

        def pushing():
            note("push", time.monotonic())
            start()

        app.store.begin, app._pusher._device.on = begun, pushing
        first = app.store.next_number
        note("first", first)
        conveyor.run(first, first + int(parts) - 1)
        drained(app)
        note("delivered")
