"""A training whose rank 1 is killed once the checkpoint after epoch 2 is there."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from brume.slides.model import training


def kill(work: Path) -> None:
    while not list(work.glob("*/epoch-00002.npz")):
        time.sleep(0.002)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if os.environ["OMPI_COMM_WORLD_RANK"] == "1":
        work = Path(sys.argv[sys.argv.index("--work") + 1])
        threading.Thread(target=kill, args=(work,), daemon=True).start()
    training.main()
