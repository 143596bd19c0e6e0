"""Whole-slide pathology: the stages of the pipeline, its parameters, its report and its commands."""
