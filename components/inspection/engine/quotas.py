"""How much one account may have, to keep one engine usable: not the closed service's quotas."""

from __future__ import annotations

PROJECTS = 100  # of an account
MODELS = 100  # of a project, at a time
IMAGES = 16_000  # of a dataset
TAGS = 50  # of a resource
HOSTED_UNITS = 32  # inference units of an account, over all its hosted models
PACKAGING_JOBS = 1_000  # of a project

MIN_NORMAL = 10  # labelled normal images in the training dataset
