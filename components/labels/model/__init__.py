"""Labelling reports: what computes; it knows no AWS service, no kfp and no database."""
