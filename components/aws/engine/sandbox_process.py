"""Processes that read and run queries: each query in its own, forked from one that waits.

    python -m brume.aws.engine.sandbox_process FD MODULE

A query is an untrusted program. In a process of its own it can be killed at any moment, the system bounds its
memory, and what breaks is that query alone. Starting Python and a query library for each takes a quarter of a
second, forking a process that has loaded both a hundredth; so this process loads MODULE (see `sandbox`),
never runs a query itself, and forks. It holds no credentials and no environment, opens nothing but what it
receives, and ends, with its children, when the engine closes its end of the control socket.

On the control socket come messages of nine bytes: `S` and a number with the socket of a new job, or `K` and
the number of a job to kill. A job is one line of JSON on its socket, its answer another. After an answer that
is streamed come its bytes, in parts that begin with their number; a part of none is the end. Another line is
another request for the same process, which ends when the socket is closed.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any, BinaryIO, Protocol

from brume.aws.engine.sandbox import KILL, MESSAGE, PART, STREAMED

_prctl = getattr(ctypes.CDLL(None), "prctl", None)
_PDEATHSIG = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


class _Module(Protocol):
    """What the module that does the work has."""

    def warm_up(self) -> None: ...

    def do(self, request: dict[str, Any]) -> dict[str, Any]: ...


class Output:
    """The answer of a job that is sent while it is made: a dictionary, then bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.begun = False

    def begin(self, answer: dict[str, Any]) -> None:
        """Send the answer; bytes follow."""
        self.begun = True
        self._stream.write(json.dumps({**answer, STREAMED: True}).encode() + b"\n")

    def write(self, data: bytes) -> int:
        """Send bytes. Raises `OSError` when nobody reads them any more."""
        if data:
            self._stream.write(PART.pack(len(data)) + data)
            self._stream.flush()
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written has been sent."""

    def end(self) -> None:
        """Mark the bytes as complete: what ends without this was lost."""
        self._stream.write(PART.pack(0))
        self._stream.flush()


def main() -> None:
    """Serve until the control socket is closed."""
    module: _Module = importlib.import_module(sys.argv[2])
    module.warm_up()
    control = socket.socket(fileno=int(sys.argv[1]))
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine says when to end
    signal.set_wakeup_fd(wake)
    gc.collect()
    gc.freeze()  # what is loaded is shared with the children, and stays so
    children: dict[int, int] = {}  # process -> job
    sources: list[socket.socket | int] = [control, woken]
    while True:
        readable, _, _ = select.select(sources, [], [])
        if woken in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap(children)
        if control in readable and not _obey(control, children, module):
            break
    for process in children:  # none that has ended is left here: its number is not yet another's
        os.kill(process, signal.SIGKILL)


def _reap(children: dict[int, int]) -> None:
    while children:
        process, _status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        children.pop(process, None)


def _obey(control: socket.socket, children: dict[int, int], module: _Module) -> bool:
    """Handle one message; return whether there may be more."""
    handles = array.array("i")
    data, ancillary, _flags, _address = control.recvmsg(MESSAGE.size, socket.CMSG_LEN(handles.itemsize))
    if len(data) < MESSAGE.size:
        return False
    for _level, _kind, given in ancillary:
        handles.frombytes(given[: len(given) - len(given) % handles.itemsize])
    kind, job = MESSAGE.unpack(data)
    if kind == KILL:
        for process, known in children.items():
            if known == job:
                os.kill(process, signal.SIGKILL)
        return True
    parent = os.getpid()
    try:
        process = os.fork()
    except OSError:  # no memory, or too many processes: this query is lost, those that run are not
        process = -1
    if process == 0:
        signal.set_wakeup_fd(-1)
        control.close()
        _child(socket.socket(fileno=handles[0]), parent, module)
    for handle in handles:
        os.close(handle)
    if process > 0:
        children[process] = job
    return True


def _child(own: socket.socket, parent: int, module: _Module) -> None:
    """Do the requests of one job, and end. Nothing is printed: it could be in the caller's words."""
    code = 1
    try:
        _end_with(parent)
        quiet = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(quiet, handle)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
            score.write("1000")  # a machine short of memory ends a query, not the engine
        with own.makefile("rwb") as stream:
            while line := stream.readline():
                _do(json.loads(line), stream, module)  # type: ignore[arg-type]
        code = 0
    finally:
        os._exit(code)


def _do(request: dict[str, Any], stream: BinaryIO, module: _Module) -> None:
    output = Output(stream)
    try:
        streaming = getattr(module, "stream", None)
        answer = streaming(request, output) if streaming else module.do(request)
    except BaseException as error:
        if output.begun:
            raise  # without an end: the engine sees that it was lost
        answer = {
            "failed": f"INTERNAL_ERROR: {type(error).__name__}",
            "internal": type(error).__name__,
        }
    if output.begun:
        output.end()
    else:
        stream.write(json.dumps(answer).encode() + b"\n")
        stream.flush()


def _end_with(parent: int) -> None:
    """Have the system end this process when the one that forked it ends, in whatever way: no other can.

    Only Linux does so; elsewhere a query whose parent was killed goes on to its end.
    """
    if _prctl is not None:
        _prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended already
            os._exit(1)


if __name__ == "__main__":
    main()
