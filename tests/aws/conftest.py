"""Makes the models of this folder known to botocore, in clients and engines alike."""

from __future__ import annotations

import os
from pathlib import Path

# Before any session is made: botocore keeps its loaders, and brume.aws.client the models that it has read.
os.environ["AWS_DATA_PATH"] = str(Path(__file__).parent / "models")
