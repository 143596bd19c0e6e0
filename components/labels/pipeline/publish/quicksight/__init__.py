"""The dashboard in Amazon QuickSight: the same views, refreshed hourly through Athena."""

from brume.labels.pipeline.publish.quicksight.publishing import QuickSightError, Summary, publish

__all__ = ["QuickSightError", "Summary", "publish"]
