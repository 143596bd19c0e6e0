"""Work shared out among processes, one for each core, that end with the process that started them."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar

from brume.run import lifeline

_ALONE_BYTES = 12 << 20  # less than this is done here: a process takes as long to start
_AHEAD = 2  # pieces of work that wait for each process
_T = TypeVar("_T")


def share_out(
    work: Callable[..., _T], pieces: Sequence[tuple[Any, ...]], size: int, processes: int | None = None
) -> Iterator[_T]:
    """Call `work` with each piece as its arguments and yield the results as they come, in any order.

    `size` is the number of bytes of it all: a little is done in this process. `work` and the pieces go to
    other processes by pickle. An error in one is raised here, and the rest is not begun.
    """
    count = min(processes or len(os.sched_getaffinity(0)), len(pieces))
    if count <= 1 or (processes is None and size < _ALONE_BYTES):
        for piece in pieces:
            yield work(*piece)
        return
    with executor(count) as pool:
        waiting = iter(pieces)
        running: set[Future[_T]] = set()
        try:
            while True:
                for piece in waiting:
                    running.add(pool.submit(work, *piece))
                    if len(running) >= count * _AHEAD:
                        break
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def executor(count: int, prepare: Callable[[], None] | None = None) -> ProcessPoolExecutor:
    """Return a pool of `count` new processes that end with this one; each calls `prepare` before its work."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, initializer=_start, initargs=(prepare,))


def _start(prepare: Callable[[], None] | None) -> None:
    """Prepare a process of a pool to end with its parent, even one that was killed and could say nothing."""
    lifeline.follow()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if prepare is not None:
        prepare()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
