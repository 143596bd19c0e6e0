"""The two places that heavy work runs in, and one door to each: an MPI job, and a served model."""
