"""Runs untrusted queries in processes of their own: the engine's side.

`Sandbox(module)` names the module that does the work, by its import name. It has two functions: `warm_up()`
loads what every job needs and starts no thread, `do(request)` does one job; request and answer are
dictionaries that JSON can write. In place of `do` it may have `stream(request, output)`, which can begin its
answer early and write bytes after it (`sandbox_process.Output`): the engine reads them while they are made. A
job that is kept can be given another request, which spares what its process has to open.
`sandbox_process` is the other side.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

MESSAGE = struct.Struct("!cQ")  # on the control socket: what, and the number of a job
START, KILL = b"S", b"K"
PART = struct.Struct("!I")  # before each part of an answer's bytes: their number; 0 is the end
STREAMED = "streamed"  # in an answer after which bytes come
_PROCESS = "brume.aws.engine.sandbox_process"
# A process with threads cannot fork safely: these settings keep libraries from starting any.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


class LostError(RuntimeError):
    """A job whose process ended without an answer: it was killed, or the system ended it."""


class LateError(LostError):
    """A job that took longer than it may."""


class Job:
    """One job under way."""

    def __init__(self, number: int, own: socket.socket, sandbox: Sandbox) -> None:
        self._number = number
        self._socket = own
        self._sandbox = sandbox
        self._left = 0.0

    def answer(self, seconds: float) -> dict[str, Any]:
        """Wait for the answer. Raises `LateError` after so many seconds, `LostError` when there is none."""
        self._socket.settimeout(seconds)
        try:
            with self._socket, self._socket.makefile("rb") as stream:
                line = stream.readline()
        except TimeoutError:
            raise LateError(f"no answer after {seconds:g} s") from None
        except OSError:
            line = b""
        finally:
            self.kill()
        if not line.endswith(b"\n"):
            raise LostError("the process of the query ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stream(self, seconds: float, *, keep: bool = False) -> tuple[dict[str, Any], Iterator[bytes]]:
        """Wait for the answer; return it, and the bytes after it as they come: none where it has none.

        `seconds` are those in which the job is waited for, not those that the caller takes to use the bytes.
        Raises `LateError` and `LostError` as `answer` does, and so does the iterator, which has to be closed.
        With `keep` the process is there after the last byte, for `again` or `end`; without bytes it ends.
        """
        self._left = seconds
        line = b""
        try:
            while not line.endswith(b"\n"):
                line += self._receive(1 << 16, until_line=True)
            answer: dict[str, Any] = json.loads(line)
        except BaseException:
            self.end()
            raise
        if not answer.pop(STREAMED, False):
            self.end()
            return answer, iter(())
        return answer, self._parts(keep)

    def again(self, request: Mapping[str, Any]) -> None:
        """Send the process a request. Raises `LostError` when it has ended."""
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise LostError(f"the process of the query takes no request: {error}") from error

    def end(self) -> None:
        """End the job's process, and read nothing more of it."""
        self._socket.close()
        self.kill()

    def _parts(self, keep: bool) -> Iterator[bytes]:
        whole = False
        try:
            while size := PART.unpack(self._exactly(PART.size))[0]:
                yield self._exactly(size)
            whole = True
        finally:
            if not (keep and whole):
                self.end()

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            parts.append(self._receive(size))
            size -= len(parts[-1])
        return b"".join(parts)

    def _receive(self, most: int, *, until_line: bool = False) -> bytes:
        """Receive what is there, at most a line: what is behind it is bytes of the answer."""
        began = time.monotonic()
        try:
            self._socket.settimeout(max(self._left, 0.001))
            data = self._socket.recv(most, socket.MSG_PEEK if until_line else 0)
            if until_line and data:
                data = self._socket.recv(data.index(b"\n") + 1 if b"\n" in data else len(data))
        except TimeoutError:
            raise LateError("no answer in the time that the job has") from None
        except OSError:
            data = b""
        self._left -= time.monotonic() - began
        if not data:
            raise LostError("the process of the query ended")
        return data

    def kill(self) -> None:
        """End the job; one that has ended stays so."""
        self._sandbox.send(KILL, self._number)


class Sandbox:
    """Starts jobs; used by many threads."""

    def __init__(self, module: str) -> None:
        """Start the process that forks, which loads `module` while the engine gets ready."""
        self._module = module
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._open()

    def start(self, request: Mapping[str, Any]) -> Job:
        """Start a job; raises `LostError` when its process cannot be had."""
        ours, theirs = socket.socketpair()
        number = next(self._numbers)
        with theirs:
            self.send(START, number, theirs)
        job = Job(number, ours, self)
        try:
            job.again(request)
        except LostError:
            job.end()
            raise
        return job

    def send(self, kind: bytes, number: int, handed: socket.socket | None = None) -> None:
        """Send one message to the process that forks; it is started when it is not there."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                if handed is None:
                    return  # its jobs ended with it
                self._open()
            assert self._control is not None
            message = MESSAGE.pack(kind, number)
            try:
                if handed is None:
                    self._control.sendall(message)
                else:
                    socket.send_fds(self._control, [message], [handed.fileno()])
            except OSError as error:
                if handed is not None:
                    raise LostError(f"the process of the query did not start: {error}") from error

    def _open(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair()
        # Nothing of the engine's environment: neither credentials nor settings are there to be read.
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **_ONE_THREAD}
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    _PROCESS,
                    str(theirs.fileno()),
                    self._module,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment,
                cwd="/",
            )

    def close(self) -> None:
        """End every job, and the process that forks them."""
        with self._lock:
            if self._control is not None:
                self._control.close()
            process, self._process = self._process, None
        if process is not None:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
