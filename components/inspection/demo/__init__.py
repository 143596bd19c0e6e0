"""Photographs of a toy of bricks, sound or with a known defect, for the demo and the tests.

Everything is drawn from seeds: camera, light, table, the sensor's noise, and the defect, whose visible pixels
are known. ``python -m brume.inspection.demo FOLDER`` writes a labelled set.
"""

from __future__ import annotations

from brume.inspection.demo.files import COLORS, write, write_story
from brume.inspection.demo.scene import KINDS, Scene, render

__all__ = ["COLORS", "KINDS", "Scene", "render", "write", "write_story"]
