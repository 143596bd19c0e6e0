"""The `brume` command."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from brume.aws.engine import command as engine_commands
from brume.run.failing import fail

HOST_HELP = "The Kubeflow Pipelines API, e.g. http://localhost:8080 (kubectl port-forward reaches it)."
WORDS = click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")
FREE = {"ignore_unknown_options": False, "help_option_names": ["-h", "--help"]}


class _Command(click.Command):
    """A command whose help also shows the parameters of the pipeline that it names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        self.pipeline = next((word for word in args if not word.startswith("-") and "=" not in word), None)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        name = getattr(self, "pipeline", None)
        if name:
            _parameters_help(name, formatter)
        super().format_options(ctx, formatter)


class _Lazy(click.Command):
    """A group of commands whose module is imported only when it is used; `target` is "module:group"."""

    def __init__(self, name: str, target: str, help: str) -> None:
        super().__init__(name, help=help)
        self._target = target

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        module, _, group = self._target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), group)
        return command.make_context(info_name, args, parent, **extra)


def _parameters_help(name: str, formatter: click.HelpFormatter) -> None:
    from brume.pipelines.running import catalog

    try:
        pipeline = catalog.load(name)
    except catalog.ParameterError as error:
        fail(error, code=2)
    rows = []
    for parameter in pipeline.parameters():
        shown = "required" if parameter.required else f"default {_shown(parameter.default)}"
        rows.append((f"{parameter.name}={parameter.kind.upper()}", f"{parameter.help} [{shown}]".strip()))
    with formatter.section(f"Parameters of {name}"):
        formatter.write_dl(rows)


def _shown(value: Any) -> str:
    return "empty" if value in ("", None) else str(value)


@click.group(context_settings=FREE)
@click.version_option(package_name="brume", prog_name="brume")
def main() -> None:
    """Machine-learning systems of AWS's managed AI services, on your own cluster or on this machine.

    A pipeline's parameters are the same everywhere: here as NAME=VALUE, in the dashboard's form, and as the
    arguments of the pipeline SDK.
    """


@main.command("list")
def list_() -> None:
    """List the pipelines."""
    from brume.pipelines.running import catalog

    known = catalog.names()
    width = max(map(len, known), default=0)
    for name, line in known.items():
        click.echo(f"{name:{width}}  {line}")


@main.command(cls=_Command)
@click.argument("pipeline")
@WORDS
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the run [out/PIPELINE]."
)
def run(pipeline: str, words: tuple[str, ...], out: Path | None) -> None:
    """Run a pipeline on this machine; the same command again goes on where it stopped.

    The folder --out then holds run.json, report.html and the pipeline's outputs.
    """
    from brume.pipelines.running import catalog, local
    from brume.run.lifeline import RunInProgressError

    try:
        chosen = catalog.load(pipeline)
    except catalog.ParameterError as error:
        fail(f"{error}\n`brume list` shows the pipelines.", code=2)
    try:
        arguments = chosen.arguments(words)
    except catalog.ParameterError as error:
        fail(f"{error}\n`brume run {pipeline} --help` shows the parameters.", code=2)
    out = out or Path("out") / pipeline
    try:
        local.run(chosen, arguments, out)
    except (local.RunError, RunInProgressError) as error:
        fail(error)
    except OSError as error:
        fail(f"--out {out} cannot be used: {error}")
    except KeyboardInterrupt:
        fail("stopped. The same command goes on where it stopped.", code=130)
    click.echo(f"Report: {out / 'report.html'}")


@main.command("compile")
@click.argument("pipeline", required=False)
@click.option("--all", "everything", is_flag=True, help="Compile every pipeline.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("out/compiled")
)
@click.option(
    "--kubernetes-manifest", is_flag=True, help="Write Pipeline and PipelineVersion objects for kubectl."
)
@click.option("--namespace", default="kubeflow", show_default=True, help="Namespace of those objects.")
def compile_(
    pipeline: str | None, everything: bool, output: Path, kubernetes_manifest: bool, namespace: str
) -> None:
    """Compile pipelines to the YAML that the Kubeflow dashboard takes."""
    from brume.pipelines.running import catalog, remote

    if bool(pipeline) == everything:
        fail("name one pipeline, or give --all", code=2)
    for name in catalog.names() if everything else [str(pipeline)]:
        try:
            chosen = catalog.load(name)
        except catalog.ParameterError as error:
            fail(error, code=2)
        click.echo(
            remote.compile_to(chosen, output, kubernetes_manifest=kubernetes_manifest, namespace=namespace)
        )


@main.command()
@click.argument("model")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--name", default="slides", show_default=True, help="Name of the model in its URLs.")
def serve(model: str, port: int, host: str, name: str) -> None:
    """Serve a trained model (OUT/model) over KServe's V1 protocol until it is stopped."""
    import os

    from brume import storage

    if not storage.exists(storage.join(model, "saved_model.pb")):
        fail(f"{model} holds no model (no saved_model.pb): name the folder OUT/model of a run", code=2)
    predictor = [sys.executable, "-m", "brume.slides.model.predictor"]
    os.execv(  # noqa: S606 - no shell, and the server takes this process's place and its signals
        sys.executable, [*predictor, "--model", model, "--name", name, "--host", host, "--port", str(port)]
    )


def _remote_options(command: Any) -> Any:
    for option in (
        click.option("--experiment", default="brume", show_default=True),
        click.option("--namespace", default="kubeflow", show_default=True),
    ):
        command = option(command)
    return command


@main.command(cls=_Command)
@click.argument("pipeline")
@WORDS
@_remote_options
@click.option("--host", required=True, envvar="KFP_ENDPOINT", show_envvar=True, help=HOST_HELP)
def submit(pipeline: str, words: tuple[str, ...], host: str, namespace: str, experiment: str) -> None:
    """Run a pipeline on a cluster."""
    from brume.pipelines.running import remote

    chosen, arguments = _chosen(pipeline, words)
    identity = _asked(
        host, lambda: remote.submit(chosen, arguments, host=host, namespace=namespace, experiment=experiment)
    )
    click.echo(f"run {identity}: {host.rstrip('/')}/#/runs/details/{identity}")


@main.command(cls=_Command)
@click.argument("pipeline")
@WORDS
@click.option(
    "--cron", required=True, help='Times in UTC: "0 * * * *" is every hour; six fields have seconds first.'
)
@_remote_options
@click.option(
    "--host", envvar="KFP_ENDPOINT", show_envvar=True, help=f"{HOST_HELP} Without it, runs are here."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of runs here [out/PIPELINE]."
)
def schedule(
    pipeline: str,
    words: tuple[str, ...],
    cron: str,
    host: str | None,
    namespace: str,
    experiment: str,
    out: Path | None,
) -> None:
    """Run a pipeline again and again: on a cluster, or on this machine for as long as this command runs."""
    from brume.pipelines.running import remote
    from brume.pipelines.running import schedule as times

    try:
        complete = times.six_fields(cron)
    except times.ScheduleError as error:
        fail(error, code=2)
    chosen, arguments = _chosen(pipeline, words)
    if not host:
        at = ["--out", str(out)] if out else []
        try:
            times.run_here([pipeline, *words, *at], complete, click.echo)
        except KeyboardInterrupt:
            fail("stopped: there will be no more runs", code=130)
    if out:
        fail("--out is the folder of runs on this machine: leave it out with --host", code=2)
    identity = _asked(
        host,
        lambda: remote.schedule(
            chosen, arguments, cron=complete, host=host, namespace=namespace, experiment=experiment
        ),
    )
    click.echo(f"recurring run {identity}: {host.rstrip('/')}/#/recurringrun/details/{identity}")


def _chosen(pipeline: str, words: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    from brume.pipelines.running import catalog

    try:
        chosen = catalog.load(pipeline)
        return chosen, chosen.arguments(words)
    except catalog.ParameterError as error:
        fail(error, code=2)


def _asked(host: str, call: Any) -> str:
    """Ask the cluster; say in one line why it did not answer."""
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    from brume.pipelines.running import remote

    try:
        return str(call())
    except ApiException as error:
        fail(f"{host} answered {error.status} {error.reason}: {remote.why(error.body)}")
    except (HTTPError, ConnectionError, TimeoutError) as error:
        fail(f"no Kubeflow Pipelines API answers at {host}: {error}")


for _command in (engine_commands.engine, engine_commands.engines, engine_commands.env):
    main.add_command(_command)

main.add_command(
    _Lazy(
        "inspection",
        "brume.inspection.pipeline.command:inspection",
        "Visual inspection: datasets, training, trials and their verification, the dashboard.",
    )
)

main.add_command(
    _Lazy("models", "brume.weights.command:models", "List the weights of models, and where they were found.")
)

main.add_command(
    _Lazy(
        "captions",
        "brume.captions.pipeline.command:captions",
        "Print what is spoken in a sound file or on standard input; write subtitles.",
    )
)

main.add_command(
    _Lazy(
        "narration",
        "brume.narration.pipeline.command:narration",
        "Audio of articles: a service for a CMS, and a look at what is published.",
    )
)

main.add_command(
    _Lazy(
        "records",
        "brume.records.pipeline.command:records",
        "Clinical search: the web page of the engine.",
    )
)

main.add_command(_Lazy("sql", "brume.labels.pipeline.command:sql", "Ask the labelling lake in Athena's SQL."))


if __name__ == "__main__":
    main()
