"""AWS's own command line, as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.aws import environments
from tests.aws.serving import KEY

_WANTED = Path(__file__).with_name("athena-clients.txt")


def command_line(service: str, url: str, home: Path) -> Callable[..., Any]:
    """Return a function of an operation's words and options that asks `service` at `url`; returns its output.

    Skips the test, saying so, where the program cannot be installed.
    """
    python = environments.python(_WANTED)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": url,
    }

    def aws(*words: str) -> Any:
        command = [str(python), "-m", "awscli", service, *words, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    return aws
