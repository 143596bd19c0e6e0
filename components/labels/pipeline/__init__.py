"""Labelling reports: the pipeline's stages, parameters, dashboard and commands."""
