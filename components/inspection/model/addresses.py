"""Addresses to which the engine of visual inspection gives a place in its own data."""

EVALUATIONS = "s3://brume-evaluations/"  # where a training without an output location writes its evaluation
IMAGES = "brume://images/"  # pictures that were uploaded: brume://images/PROJECT/NAME
