"""An engine as a process: started by the command, found by others, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner

from brume.aws.client import session_with_models
from brume.aws.engine import catalog
from brume.pipelines.cli import main
from tests.polling import until

BRUME = [sys.executable, "-m", "brume"]


@contextlib.contextmanager
def process(data: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Run the inspection engine on a free port until it has written where it listens."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BRUME_"))
    }
    with subprocess.Popen(
        [*BRUME, "engine", "inspection", "--port", "0", "--data", str(data), *more],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            until(lambda: running.poll() is not None or catalog.running(data), "the engine's start or end")
            yield running
        finally:
            if running.poll() is None:
                running.terminate()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("engines") / "inspection"
    with process(folder) as running:
        assert running.poll() is None, running.stderr
        yield folder
    assert running.returncode == 0
    assert not (folder / "engine.json").exists()
    assert catalog.running(folder) is None


@pytest.mark.slow
def test_what_env_prints_lets_a_client_in(data: Path) -> None:
    result = CliRunner().invoke(main, ["env", "--data", str(data)])
    assert result.exit_code == 0, result.output
    script = f"{result.output}\nenv -0"
    exported = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, env={})
    variables = dict(item.partition("=")[::2] for item in exported.stdout.decode().split("\0") if item)
    assert {"AWS_ENDPOINT_URL_LOOKOUTVISION", "AWS_DEFAULT_REGION"} <= variables.keys()
    client = boto3.session.Session(
        botocore_session=session_with_models(),
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_DEFAULT_REGION"],
    ).client("lookoutvision", endpoint_url=variables["AWS_ENDPOINT_URL_LOOKOUTVISION"])
    assert client.list_projects()["Projects"] == []
    assert stat.S_IMODE((data / "credentials").stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_second_engine_on_the_same_data_is_refused(data: Path) -> None:
    with process(data) as second:
        assert second.wait(60) == 1
        assert second.stderr is not None
        assert f"an engine runs on {data}" in second.stderr.read()
    assert catalog.running(data) is not None


@pytest.mark.long
def test_a_killed_engine_starts_again(tmp_path: Path) -> None:
    for _ in range(2):
        with process(tmp_path) as running:
            state = catalog.running(tmp_path)
            assert state is not None
            assert state.pid == running.pid
            running.send_signal(signal.SIGKILL)
        assert catalog.running(tmp_path) is None
        result = CliRunner().invoke(main, ["env", "--data", str(tmp_path)])
        assert result.exit_code == 1
        assert "brume engine" in result.output


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["inspektion"], "did you mean inspection?"),
        (["inspection", "--host", "0.0.0.0", "--allow-anonymous"], "127.0.0.1"),
        (["inspection", "--folder", "s3://bucket/"], "PREFIX=DIR"),
        (["inspection", "--folder", "s3://bucket/=/no/such/folder"], "there is no folder /no/such/folder"),
        (["inspection", "--keys", "/no/such/file"], "/no/such/file: the keys cannot be read"),
    ],
)
def test_a_command_that_cannot_be_followed_says_why(
    tmp_path: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from brume.aws.engine import run

    with pytest.raises(SystemExit) as caught:
        run.main([*words, "--data", str(tmp_path)])
    printed = capsys.readouterr().err
    assert caught.value.code == 1 and printed.startswith("brume: ") and part in printed


@pytest.mark.parametrize("words", [["engine"], ["engines", "up"], ["env"]])
def test_a_name_that_no_engine_has_is_wrong_use(words: list[str]) -> None:
    result = CliRunner().invoke(main, [*words, "inspektion"])
    assert result.exit_code == 2
    assert "brume: no engine is called 'inspektion': did you mean inspection?" in result.output


def test_engines_lists_what_there_is() -> None:
    result = CliRunner().invoke(main, ["engines"])
    assert result.exit_code == 0
    assert "inspection" in result.output
    assert "lookoutvision" in result.output


@pytest.mark.slow
def test_engines_shows_which_of_a_folder_run(data: Path) -> None:
    running = catalog.running(data)
    assert running is not None
    for folder, shown in ((data.parent, True), (data, False)):
        result = CliRunner().invoke(main, ["engines", "--data", str(folder)])
        assert (f"running at {running.url}" in result.output) is shown


def test_the_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nsys.argv = ['brume', '--help']\nfrom brume.pipelines.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('boto3', 'kfp', 'starlette', 'numpy') if name in sys.modules])"
    )
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert completed.stdout.splitlines()[-1] == "[]"
