"""The dashboard of a lake: one HTML file that answers by itself, and the same on paper."""

from brume.labels.pipeline.dashboard.assembly import Dashboard, build
from brume.labels.pipeline.dashboard.pseudonyms import key_of

__all__ = ["Dashboard", "build", "key_of"]
