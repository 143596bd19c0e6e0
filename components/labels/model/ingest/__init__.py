"""From Ground Truth's output to the lake."""

from brume.labels.model.ingest.ingestion import IngestError, Summary, run

__all__ = ["IngestError", "Summary", "run"]
