"""Inspection at a conveyor: break beam, camera, pusher, and a decision in time for a part."""

__version__ = "0.1.0"
