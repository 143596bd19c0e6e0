"""Labelling reports: ingest, lake and quality, without AWS, kfp or a database."""
