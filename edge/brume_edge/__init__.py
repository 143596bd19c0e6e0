"""Inspection at a conveyor: break beam, camera, pusher, and a decision in time for every part."""

__version__ = "0.1.0"
