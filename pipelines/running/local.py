"""A run of a pipeline on this machine, by the local runner of Kubeflow Pipelines."""

from __future__ import annotations

import builtins
import contextlib
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from brume.aws.engine import local as engines
from brume.pipelines.running import record
from brume.pipelines.running.catalog import Pipeline
from brume.pipelines.running.view import View
from brume.run import lifeline, progress
from brume.run.stage import OUT


class RunError(RuntimeError):
    """A run that failed; the message names the step, its cause and the log."""


def run(pipeline: Pipeline, arguments: Mapping[str, Any], out: Path) -> None:
    """Run a pipeline with checked arguments into the folder `out`; leaves run.json there, failed or not.

    Raises `RunError` when a step fails or a run with these arguments cannot be in that folder, and
    `brume.run.lifeline.RunInProgressError` when another run holds it.
    """
    out = out.resolve()
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    line = lifeline.Lifeline(work / "run.lock")
    try:
        try:
            own = pipeline.environment(arguments, out)
        except ValueError as wrong:
            raise RunError(str(wrong)) from wrong
        _clean(out)
        log = work / "run.log"
        events = work / "progress.jsonl"
        facts: dict[str, Any] = {
            "pipeline": pipeline.name,
            "parameters": dict(arguments),
            "status": "running",
            "started": record.now(),
            "versions": record.versions(pipeline.component.stages),
            "git": record.git_revision(),
        }
        record.write(out, facts)
        environment = {
            OUT: str(out),
            progress.PROGRESS_FILE: str(events),
            "PYTHONUNBUFFERED": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            **line.environment(),
            **own,
        }
        with _set(environment), _output_to(log) as screen:
            console = Console(file=screen)
            view = View(console, events, pipeline.stages, f"brume run {pipeline.name} → {out}")
            error: BaseException | None = None
            with view:
                try:
                    with (
                        _interruptible(line),
                        engines.started(pipeline.engines(arguments, out), out / "engines") as addresses,
                        _set(addresses),
                    ):
                        _execute(pipeline, arguments, work / "kfp")
                except BaseException as caught:
                    error = caught
        interrupted = isinstance(error, KeyboardInterrupt)
        facts |= {
            "status": "interrupted" if interrupted else "failed" if error else "succeeded",
            "ended": record.now(),
            "steps": [step.record() for step in view.steps.values() if step.state != "waiting"],
            "metrics": record.metrics(out),
        }
        failed = view.failed()
        if error and not interrupted:
            facts["error"] = "\n".join(f"{one.name}: {one.error}" for one in failed) or str(error)
        record.write(out, facts)
        if interrupted:
            raise KeyboardInterrupt
        if error:
            causes = [f"step {one.name} failed: {one.error}" for one in failed]
            cause = "\n".join(causes) or f"the run failed: {error}"
            raise RunError(f"{cause}\nThe full log is {log}") from error
    finally:
        line.release()


def _execute(pipeline: Pipeline, arguments: Mapping[str, Any], root: Path) -> None:
    from kfp import local

    plain_print = builtins.print
    try:
        with warnings.catch_warnings():
            # The runner doubts an image whose name lacks "python"; here no image is used at all.
            warnings.filterwarnings("ignore", category=RuntimeWarning, module="kfp.local")
            # Its cache does not see a change of this package; each step keeps its own account instead.
            local.init(
                local.SubprocessRunner(use_venv=False),
                pipeline_root=str(root),
                raise_on_error=True,
                enable_caching=False,
            )
            pipeline.component(**arguments)
    finally:
        builtins.print = plain_print  # the runner's loops leave an indented one behind


@contextlib.contextmanager
def _interruptible(line: lifeline.Lifeline) -> Iterator[None]:
    """On SIGINT or SIGTERM, end the processes of the run first: the runner waits for them."""

    def interrupt(*_: object) -> None:
        line.cut()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _clean(out: Path) -> None:
    """Remove what a killed run left half-written, and the records of runs that are over."""
    for partial in out.rglob(".*.partial"):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink()
    shutil.rmtree(out / "work" / "kfp", ignore_errors=True)
    (out / "work" / "progress.jsonl").unlink(missing_ok=True)


@contextlib.contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[Any]:
    """Send all that this process and its children print to `log`; yields a stream to the real screen."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    stdout, stderr = sys.stdout, sys.stderr
    try:
        with (
            os.fdopen(os.dup(kept[0]), "w", encoding="utf-8") as screen,
            os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8") as text,
        ):
            sys.stdout = sys.stderr = text
            yield screen
            text.flush()
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
