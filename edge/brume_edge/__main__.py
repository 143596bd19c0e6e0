"""`python -m brume_edge check|run|status CONFIG`."""

from __future__ import annotations

import argparse
import logging
import signal
import sqlite3
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from brume_edge import checks, database
from brume_edge.config import ConfigError, load
from brume_edge.pins import gpiozero
from brume_edge.settings import Config
from brume_edge.store import StoreError
from brume_edge.telemetry import log_to_stderr


def check(path: Path) -> int:
    """Report all that is wrong with the configuration or missing on this device."""
    config = load(path)
    if faults := checks.errors(config) + checks.warnings(config):
        raise ConfigError(path, faults)
    print(f"{path}: good. Parts are decided within {config.decide_within * 1000:g} ms of the beam.")
    return 0


def run(path: Path) -> int:
    """Watch the line until SIGTERM or SIGINT. The exit status is 1 when it cannot go on."""
    config = load(path)
    if faults := checks.errors(config):
        raise ConfigError(path, faults)
    log_to_stderr(config.log.level)
    log = logging.getLogger("brume_edge")
    for fault in checks.warnings(config):
        log.warning("missing", extra={"field": fault.field, "cause": fault.problem, "remedy": fault.remedy})
    # Blocked before any thread is made: the signals wait for sigwait below, and interrupt nothing.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    from brume_edge.app import App

    try:
        app = App(config)
        app.start()
    except (StoreError, OSError, gpiozero().GPIOZeroError) as error:
        log.critical("cannot start", extra={"cause": str(error)})
        return 1
    while signal.sigtimedwait(signals, 1.0) is None:
        if not app.alive():  # a fault of this application: its supervisor starts it again
            log.critical("a thread has ended: leaving")
            return 1
    app.stop()
    return 0


def status(path: Path) -> int:
    """Print the queue's counts and, from the running process, breaker, alarms and kept pictures."""
    config = load(path)
    queue = config.data.folder / "queue.db"
    if not queue.exists():
        print(f"{queue}: nothing yet; start the line with `python -m brume_edge run {path}`")
        return 1
    with closing(database.connect(queue, read_only=True)) as base:
        for name, count in database.counts(base).items():
            print(f"{name:18} {count}")
    print(_running(config))
    return 0


def _running(config: Config) -> str:
    metrics = config.metrics
    if not metrics.port:
        return "breaker, alarms      unknown: metrics.port is 0"
    host = "127.0.0.1" if metrics.host in ("", "0.0.0.0") else metrics.host  # noqa: S104
    try:
        with urllib.request.urlopen(f"http://{host}:{metrics.port}/metrics", timeout=5) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    except (urllib.error.URLError, OSError):
        return f"not running, or its metrics do not answer on {host}:{metrics.port}"
    samples = [sample for family in families for sample in family.samples]
    value = {sample.name: sample.value for sample in samples if not sample.labels}
    alarms = [
        sample.labels["kind"] for sample in samples if sample.name == "brume_edge_alarm" and sample.value
    ]
    return "\n".join(
        [
            f"{'breaker':18} {'open' if value.get('brume_edge_breaker_open') else 'closed'}",
            f"{'alarms':18} {', '.join(alarms) or 'none'}",
            f"{'kept':18} {value.get('brume_edge_kept_pictures', 0):.0f}",
        ]
    )


def main(words: list[str] | None = None) -> int:
    """Run a command; return the exit status: 0, or 2 for a fault of configuration or device."""
    parser = argparse.ArgumentParser(prog="brume_edge", description="Inspection at a conveyor.")
    commands = {"check": check, "run": run, "status": status}
    choices = parser.add_subparsers(dest="command", required=True)
    for name, function in commands.items():
        chosen = choices.add_parser(name, help=function.__doc__)
        chosen.add_argument("config", type=Path, help="the TOML file")
    arguments = parser.parse_args(words)
    try:
        return commands[arguments.command](arguments.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
    except sqlite3.Error as error:
        print(f"the queue cannot be read: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
