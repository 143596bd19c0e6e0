"""Interfaces to the two places of heavy work: MPI jobs and served models."""
