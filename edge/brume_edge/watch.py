"""A watched camera: a failure is an alarm, it is opened again, and the line never waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from brume_edge.cameras import Camera, CameraError

_log = logging.getLogger(__name__)
_HUNG = 3  # drivers that may hang at a time; beyond that none is opened until one returns


class _Request:
    """A picture that was asked for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.picture = b""
        self.failure = ""
        self.ended = 0.0
        self.timed_out = False


class _Session(threading.Thread):
    """One opening of the camera and the pictures taken with it, until the first failure."""

    def __init__(self, open_it: Callable[[], Camera], failed: Callable[[str], None]) -> None:
        super().__init__(name="camera", daemon=True)
        self._open_it = open_it
        self._failed = failed
        self.busy_since: float | None = time.monotonic()  # opening, at first
        self.opened = threading.Event()
        self.abandoned = False
        self.requests: SimpleQueue[_Request | None] = SimpleQueue()

    def run(self) -> None:
        try:
            camera = self._open_it()
        except Exception as error:  # a driver's own exceptions mean the same as a CameraError
            self._report(str(error) or repr(error))
            return
        self.busy_since = None
        self.opened.set()
        try:
            while (request := self.requests.get()) is not None:
                if request.timed_out:
                    continue
                self.busy_since = time.monotonic()
                try:
                    request.picture = camera.capture()
                except Exception as error:
                    request.failure = str(error) or repr(error)
                    self._report(request.failure)
                    return
                finally:
                    self.busy_since = None
                    request.ended = time.monotonic()
                    request.done.set()
        finally:
            self.opened.clear()
            try:
                camera.close()
            except Exception:
                _log.warning("the camera could not be closed", exc_info=True)

    def _report(self, failure: str) -> None:
        if not self.abandoned:
            self._failed(failure)


class WatchedCamera:
    """A camera on a thread of its own, so that a driver that hangs holds up nothing else.

    `alarm` gets a message when the camera gives no picture, and "" when it does. A camera that failed is
    opened again every `retry` seconds; one that hangs is left behind, as no thread can be ended from outside.
    """

    def __init__(
        self, open_it: Callable[[], Camera], *, timeout: float, retry: float, alarm: Callable[[str], None]
    ) -> None:
        self._open_it = open_it
        self._timeout = timeout
        self._retry = retry
        self._alarm = alarm
        self._hung: list[_Session] = []
        self._session = self._begin()
        self._closed = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="camera-supervisor", daemon=True)
        self._supervisor.start()

    def _begin(self) -> _Session:
        session = _Session(self._open_it, self._alarm)
        session.start()
        return session

    def _supervise(self) -> None:
        while not self._closed.wait(self._retry):
            session, since = self._session, self._session.busy_since
            if since is not None and time.monotonic() - since > self._timeout and not session.abandoned:
                session.abandoned = True
                session.requests.put(None)  # it ends if the driver ever comes back
                self._hung.append(session)
                self._alarm(f"the camera hangs: no answer within {self._timeout:g} s")
            self._hung = [one for one in self._hung if one.is_alive()]
            if (session.abandoned or not session.is_alive()) and len(self._hung) < _HUNG:
                self._session = self._begin()

    def ready(self, seconds: float) -> bool:
        """Wait until the camera is open, for at most so many seconds; return whether it is."""
        return self._session.opened.wait(seconds) and not self._session.abandoned

    def capture(self, by: float) -> bytes:
        """Take a picture that is complete by a monotonic time.

        Raises CameraError if there is none by then, and at once if the camera is known to be dead.
        """
        session = self._session
        if session.abandoned or not session.opened.is_set():
            raise CameraError("the camera is not open")
        request = _Request()
        session.requests.put(request)
        if not request.done.wait(max(0.0, by - time.monotonic())) or request.ended > by:
            request.timed_out = True
            self._alarm("a picture took longer than the part was in view")
            raise CameraError("the picture came too late")
        if request.failure:
            raise CameraError(request.failure)
        self._alarm("")
        return request.picture

    def close(self) -> None:
        """End the threads and release the camera."""
        self._closed.set()
        self._session.requests.put(None)
        self._supervisor.join()
        self._session.join(self._timeout)
