"""The command as systemd runs it: a process with mock pins, stopped by a signal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from brume_edge.__main__ import main

from tests.edge.conftest import EDGE
from tests.edge.conveyor import picture, write_config
from tests.polling import until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.usefixtures("keys")
def test_run_notifies_systemd_serves_metrics_and_ends_at_sigterm(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "part.jpg").write_bytes(picture(1))
    port = free_port()
    config = write_config(tmp_path, f"http://127.0.0.1:{free_port()}", bundle, port=port)
    assert main(["check", str(config)]) == 0
    assert "within 240 ms" in capsys.readouterr().out
    assert main(["status", str(config)]) == 1
    assert "nothing yet" in capsys.readouterr().out
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind(str(tmp_path / "notify"))
    notices.settimeout(60)
    environment = dict(
        os.environ,
        PYTHONPATH=str(EDGE),
        GPIOZERO_PIN_FACTORY="mock",
        NOTIFY_SOCKET=str(tmp_path / "notify"),
        OMP_NUM_THREADS="1",
    )
    with (tmp_path / "log").open("w") as log:
        run = subprocess.Popen(
            [sys.executable, "-m", "brume_edge", "run", str(config)], env=environment, stderr=log
        )
    try:
        assert notices.recv(100) == b"READY=1"
        assert notices.recv(100) == b"WATCHDOG=1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b'brume_edge_alarm{kind="camera"} 0.0' in answer.read()
        assert main(["status", str(config)]) == 0
        printed = capsys.readouterr().out
        assert re.search(r"^breaker +closed$", printed, re.M)
        assert re.search(r"^parts +0$", printed, re.M)
        # A second one would fight for the pins and the queue: it does not start.
        second = subprocess.run(
            [sys.executable, "-m", "brume_edge", "run", str(config)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1
        assert "in use by another process" in second.stderr
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 0
    finally:
        run.kill()
        run.wait()
    received = []
    notices.setblocking(False)
    while True:
        try:
            received.append(notices.recv(100))
        except BlockingIOError:
            break
    notices.close()
    assert received[-1] == b"STOPPING=1"
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines if line["level"] == "info"] == ["the line is watched", "stopped"]
    assert "secret of the tests" not in (tmp_path / "log").read_text()
    assert main(["status", str(config)]) == 0
    assert "not running" in capsys.readouterr().out


def test_faults_end_every_command_with_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[line]\nname = 3\n")
    for command in ("check", "run", "status"):
        assert main([command, str(path)]) == 2
        printed = capsys.readouterr().err
        assert "line.name: is 3; set it to text" in printed
        assert "beam.pin: is missing" in printed


def test_the_queue_is_read_while_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from brume_edge.store import PartRecord, Store

    config = write_config(tmp_path, "http://127.0.0.1:9", "")
    store = Store(tmp_path / "data", 1000)
    store.add_picture(PartRecord(1, "token", 0.0), b"picture").result()
    assert main(["status", str(config)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^queued +1$", printed, re.M)
    assert "metrics.port is 0" in printed
    until(store.alive)
    store.close()
