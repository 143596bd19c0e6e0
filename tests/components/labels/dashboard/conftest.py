"""One dashboard for all tests, and its page, open in a browser."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from brume.labels.pipeline.dashboard import Dashboard, build
from tests.components.conftest import Page, open_in
from tests.components.labels.dashboard import tables
from tests.polling import until

HOSTILE = """</script><script>document.title='run'</script>"'><img src=x onerror="alert(1)">🚗 \u202egnol"""


@pytest.fixture(scope="session")
def dashboard() -> Dashboard:
    return build(tables.connect(**tables.effort()), facts=["s3://bucket/labels"])


@pytest.fixture(scope="session")
def masked() -> Dashboard:
    """A dashboard whose names are hostile and whose workers are masked."""
    connection = tables.connect(**tables.effort(job=HOSTILE))
    return build(connection, title=HOSTILE, facts=[HOSTILE], mask_people=True, key=b"key")


def drawn(page: Page) -> Page:
    """Wait until the figures of a page are drawn."""

    def ready() -> bool:
        # A page that is being loaded anew answers nothing.
        with contextlib.suppress(AssertionError):
            return bool(page.value("document.documentElement.dataset.ready") == "yes")
        return False

    until(ready, lambda: f"the figures were not drawn: {page.errors}")
    return page


@pytest.fixture(scope="session")
def _only_page(
    dashboard: Dashboard, _browser: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    page = drawn(open_in(_browser, tmp_path_factory.mktemp("page") / "page.html", dashboard.html))
    yield page
    page.close()


@pytest.fixture
def page(_only_page: Page) -> Page:
    """The dashboard's page, with nothing filtered and nothing open."""
    _only_page.value("document.getElementById('behind').close()")
    _only_page.value("board.restore(new URLSearchParams()).then(() => null)")
    return _only_page
