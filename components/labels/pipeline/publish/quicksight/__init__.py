"""The dashboard in Amazon QuickSight: the same views of the lake's tables, by Athena, every hour anew."""

from brume.labels.pipeline.publish.quicksight.publishing import QuickSightError, Summary, publish

__all__ = ["QuickSightError", "Summary", "publish"]
