"""The dashboard of a lake: one self-contained HTML file, and the same as PNG and PDF."""

from brume.labels.pipeline.dashboard.assembly import Dashboard, build
from brume.labels.pipeline.dashboard.pseudonyms import key_of

__all__ = ["Dashboard", "build", "key_of"]
