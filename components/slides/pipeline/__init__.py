"""Whole-slide pathology: stages, parameters, report and commands of the pipelines."""
