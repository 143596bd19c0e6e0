"""Labelling reports: SageMaker Ground Truth's output to a lake, SQL, quality figures and a dashboard."""
