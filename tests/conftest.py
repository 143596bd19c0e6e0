"""Fixtures that every part of the suite shares."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# An example may take as long as the machine needs: no test depends on its speed.
settings.register_profile("brume", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("brume")

# Fixtures that are expensive to make: the files of tests that ask for one run in one process, so that it is
# made once. All other files are dealt to the processes one by one (`pytest -n 2 --dist loadgroup`).
SHARED = {
    "cohort": "slides run",
    "trained": "trained model",
    "_only_page": "dashboard page",
    "athena_url": "athena engine",
    "captions_url": "captions engine",
    "narration_site": "narration site",
    "records_console": "records console",
    "records_lake": "records lake",
    "scoped": "records by role",
}


# About how long a test of each kind takes: the processes begin with the longest groups and end together.
WEIGHTS = {"long": 60, "slow": 10}


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group of each test, its file or the expensive fixture that its file shares, and order them."""
    shared: dict[Path, str] = {}
    for item in items:
        for fixture in SHARED.keys() & set(getattr(item, "fixturenames", ())):
            shared[item.path] = SHARED[fixture]
    groups = [shared.get(item.path, item.path.relative_to(ROOT).as_posix()) for item in items]
    weights: Counter[str] = Counter()
    for item, group in zip(items, groups, strict=True):
        item.add_marker(pytest.mark.xdist_group(group))
        weights[group] += max(
            (WEIGHTS[mark.name] for mark in item.iter_markers() if mark.name in WEIGHTS), default=1
        )
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return  # one process alone: in the order of the files
    order = sorted(range(len(items)), key=lambda index: (-weights[groups[index]], groups[index], index))
    items[:] = [items[index] for index in order]


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return the path of a real file or folder; skip, saying so, where the real data is absent."""
    root = Path(os.environ.get("BRUME_DATA") or ROOT.parent / "shared" / "data")

    def find(relative: str) -> Path:
        path = root / relative
        if not path.exists():
            pytest.skip(f"no real data at {path}: set BRUME_DATA to the folder that holds {relative}")
        return path

    return find


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Run an S3 server (moto's) over real HTTP and point the standard environment at it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    variables = {
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    yield address
    server.stop()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
