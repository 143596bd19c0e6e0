"""What `check` checks beyond the file: the bundle, the disk, the camera, the credentials."""

from __future__ import annotations

import os
from importlib.util import find_spec

from brume_edge.bundle import Bundle, BundleError
from brume_edge.cameras import CameraError, FolderCamera
from brume_edge.config import Fault
from brume_edge.service import NoCredentialsError, Service
from brume_edge.settings import Config, given


def errors(config: Config) -> list[Fault]:
    """Return what prevents a start."""
    faults = []
    if given(config.bundle.folder):
        try:
            Bundle(config.bundle.folder)
        except BundleError as error:
            problem, _, remedy = str(error).rpartition("; ")
            faults.append(Fault("bundle.folder", problem, remedy))
    try:
        config.data.folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(config.data.folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        remedy = "make it, owned by the user that runs this"
        faults.append(Fault("data.folder", f"{config.data.folder} cannot be written", remedy))
    for field, path in (
        ("service.ca_file", config.service.ca_file),
        ("mqtt.ca_file", config.mqtt.ca_file),
        ("mqtt.password_file", config.mqtt.password_file),
    ):
        if given(path) and not os.access(path, os.R_OK):
            faults.append(Fault(field, f"{path} cannot be read", "name a file that this user may read"))
    if config.mqtt.host and find_spec("paho") is None:
        faults.append(Fault("mqtt.host", "needs paho-mqtt", "pip install 'brume-edge[mqtt]'"))
    return faults


def warnings(config: Config) -> list[Fault]:
    """Return what is missing or wrong and only raises an alarm."""
    faults = []
    module, remedy = {
        "picamera2": ("picamera2", "apt install python3-picamera2, and a venv with --system-site-packages"),
        "usb": ("cv2", "pip install 'brume-edge[usb]'"),
        "folder": ("", ""),
    }[config.camera.kind]
    if module and find_spec(module) is None:
        faults.append(Fault("camera.kind", f"{config.camera.kind} needs {module}", remedy))
    if config.camera.kind == "folder":
        try:
            FolderCamera(config.camera)
        except CameraError as error:
            faults.append(Fault("camera.folder", str(error), "name a folder of PNG or JPEG pictures"))
    try:
        Service(config.service).credentials()
    except NoCredentialsError as error:
        problem, _, remedy = str(error).partition(": ")
        faults.append(Fault("service.profile", problem, remedy))
    if given(config.bundle.folder) and not errors(config):
        taken, spacing = (
            Bundle(config.bundle.folder, config.bundle.threads).seconds() * 1000,
            config.line.spacing_ms,
        )
        if taken > min(spacing, config.decide_within * 1000):
            problem = f"takes {taken:.0f} ms a picture, and parts may come every {spacing:g} ms"
            remedy = "train a model of a smaller input, raise bundle.threads, or space the parts"
            faults.append(Fault("bundle.folder", problem, remedy))
    if not given(config.bundle.folder):
        remedy = "copy a packaged model to the device and name its folder"
        faults.append(Fault("bundle.folder", "is not set: the device cannot decide by itself", remedy))
    return faults
