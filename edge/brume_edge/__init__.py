"""Inspection at a conveyor: a break beam, a camera, a pusher, and a decision for every part in time."""

__version__ = "0.1.0"
