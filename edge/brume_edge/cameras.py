"""Cameras behind one small interface: each takes one encoded picture when called."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

from brume_edge import settings

PICTURES = (".jpg", ".jpeg", ".png")


class CameraError(Exception):
    """The camera gave no picture; the message has the reason."""


class Camera(Protocol):
    """A camera. Its constructor opens it, and raises CameraError if it cannot."""

    def capture(self) -> bytes:
        """Take one picture now and return it as JPEG or PNG; raises CameraError."""

    def close(self) -> None:
        """Release the device."""


class FolderCamera:
    """Replays the pictures of a folder in the order of their names, over and over."""

    def __init__(self, config: settings.Camera) -> None:
        try:
            found = sorted(path for path in config.folder.iterdir() if path.suffix.lower() in PICTURES)
        except OSError as error:
            raise CameraError(f"{config.folder}: {error.strerror}") from error
        if not found:
            raise CameraError(f"{config.folder}: no picture ({', '.join(PICTURES)})")
        self._paths = cycle(found)

    def capture(self) -> bytes:
        """Return the next file's content."""
        path: Path = next(self._paths)
        try:
            return path.read_bytes()
        except OSError as error:
            raise CameraError(f"{path}: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is held."""


class PiCamera:
    """The camera module of a Raspberry Pi, through picamera2, which the operating system brings.

    It streams all the time (video configuration), so that exposure and white balance are settled and a
    picture is at most one frame old when it is taken; a still configuration would pause for each picture.
    """

    def __init__(self, config: settings.Camera) -> None:
        try:
            picamera2 = importlib.import_module("picamera2")
        except ImportError as error:
            raise CameraError("picamera2 is missing: apt install python3-picamera2") from error
        self._timeout = config.timeout_ms / 1000
        try:
            camera: Any = picamera2.Picamera2(config.device)
            size = (config.width, config.height)
            camera.configure(camera.create_video_configuration(main={"size": size, "format": "RGB888"}))
            camera.options["quality"] = config.quality
            camera.start()
        except Exception as error:  # libcamera raises exceptions of any kind
            raise CameraError(f"camera {config.device}: {error}") from error
        self._camera = camera

    def capture(self) -> bytes:
        """Encode the next frame as JPEG."""
        buffer = io.BytesIO()
        try:
            job = self._camera.capture_file(buffer, format="jpeg", wait=False)
            self._camera.wait(job, timeout=self._timeout)
        except Exception as error:
            raise CameraError(f"no picture: {error or type(error).__name__}") from error
        return buffer.getvalue()

    def close(self) -> None:
        """Stop the stream."""
        self._camera.close()


class UsbCamera:
    """A USB camera by V4L2, through OpenCV."""

    def __init__(self, config: settings.Camera) -> None:
        try:
            self._cv2: Any = importlib.import_module("cv2")
        except ImportError as error:
            raise CameraError("OpenCV is missing: pip install 'brume-edge[usb]'") from error
        cv2, self._name = self._cv2, f"/dev/video{config.device}"
        self._capture: Any = cv2.VideoCapture(config.device, cv2.CAP_V4L2)
        self._quality = config.quality
        if not self._capture.isOpened():
            raise CameraError(f"{self._name} cannot be opened")
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def capture(self) -> bytes:
        """Encode the next frame as JPEG. The driver holds one older frame back: it is dropped."""
        self._capture.grab()
        good, frame = self._capture.read()
        if not good:
            raise CameraError(f"{self._name} gave no frame")
        good, data = self._cv2.imencode(".jpg", frame, [self._cv2.IMWRITE_JPEG_QUALITY, self._quality])
        if not good:
            raise CameraError(f"{self._name}: the frame could not be encoded")
        return bytes(data)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


def open_camera(config: settings.Camera) -> Camera:
    """Open the configured camera; raises CameraError."""
    kinds: dict[str, Callable[[settings.Camera], Camera]] = {
        "picamera2": PiCamera,
        "usb": UsbCamera,
        "folder": FolderCamera,
    }
    return kinds[config.kind](config)
