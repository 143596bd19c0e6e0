"""Comprehend Medical's operations, mounted: which class has which, and what is refused."""

from __future__ import annotations

from brume.aws.engine.background import Background
from brume.aws.engine.resources import Service
from brume.aws.engine.settings import read
from brume.records.engine.comprehend_medical.analysis import Analysis, loader
from brume.records.engine.comprehend_medical.detection import Detection
from brume.records.engine.comprehend_medical.jobs import Jobs
from brume.records.engine.comprehend_medical.settings import EntitySettings
from brume.records.engine.comprehend_medical.work import Work
from brume.records.engine.parts import Part, State

_LOOKS = 10.0  # seconds after which an engine looks for work that others with its database have left
SERVICE = Service(
    "comprehendmedical",
    (Detection, Jobs),
    refused={
        "SNOMED CT's licence does not let this project carry its codes": (
            "DescribeSNOMEDCTInferenceJob",
            "InferSNOMEDCT",
            "ListSNOMEDCTInferenceJobs",
            "StartSNOMEDCTInferenceJob",
            "StopSNOMEDCTInferenceJob",
        ),
    },
)


def create(state: State) -> Part:
    """Return Comprehend Medical, with the jobs of an earlier engine going on."""
    own = read(EntitySettings)
    analysis = Analysis(loader(own.rxnorm))
    working = Background(own.entity_jobs)
    work = Work(state.store, working, analysis, state.folders)

    def close() -> None:
        work.close()
        working.close()

    working.resume(state.store, every=_LOOKS if state.store.shared else 0.0)
    return Part(SERVICE.mount(Detection(analysis), Jobs(state.store, work, state.folders)), close=close)
