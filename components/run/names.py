"""Names of what a run makes on a cluster, and in a service, made of the id of the run."""

from __future__ import annotations


def run_id(run: str) -> str:
    """Return the id of a run as it is.

    Raises `ValueError` for one that still holds the braces of a placeholder: Kubeflow Pipelines fills one in
    only where it is the whole value of a parameter, and all runs would share what is named by it.
    """
    if not run or "{" in run or "}" in run:
        raise ValueError(
            f"{run!r} is no id of a run: pass Kubeflow's placeholder as the whole value of a parameter"
        )
    return run


def of_run(run: str) -> str:
    """Return the name of what belongs to the run of this id. Raises `ValueError` like `run_id`."""
    return f"brume-{run_id(run)}"
