"""Settings of the records engine, which come from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from brume.records.engine.access.settings import AccessSettings
from brume.records.engine.comprehend_medical.settings import EntitySettings
from brume.records.engine.kendra.settings import SearchSettings
from brume.records.engine.lake_settings import LakeSettings
from brume.records.engine.neptune.settings import GraphSettings


@dataclass(frozen=True)
class RecordsSettings(AccessSettings, SearchSettings, GraphSettings, EntitySettings, LakeSettings):
    """What the services of the engine are run with."""
