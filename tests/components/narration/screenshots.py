"""Pictures of an article's page for the documentation, light and dark, while it is heard.

    python -m tests.components.narration.screenshots out/narration/site docs

writes docs/narration-light.png and docs/narration-dark.png, of the article `pencil` of the demo.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.components.conftest import browser, visit
from tests.components.narration.sites import files_at

_SECONDS = 24.0


def take(url: str, profile: Path, out: Path, *, dark: bool) -> None:
    """Write one picture, with a word and its sentence highlighted."""
    with browser(profile, "--autoplay-policy=no-user-gesture-required") as found:
        tab = visit(found, f"{url}/articles/pencil/index.html", width=1000, height=860, dark=dark)
        tab.until("document.querySelector('brume-player').audio.readyState >= 1")
        tab.value(
            f"window.player = document.querySelector('brume-player'); player.seek({_SECONDS}); player.play()"
        )
        tab.until("player.shadowRoot.querySelector('.word.now') && player.audio.currentTime > 24.5")
        path = out / f"narration-{'dark' if dark else 'light'}.png"
        path.write_bytes(tab.screenshot())
        print(path)


def main() -> int:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("site", type=Path, help="a published site")
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, files_at(options.site) as url:
        for dark in (False, True):
            take(url, Path(name) / str(dark), options.folder, dark=dark)
    return 0


if __name__ == "__main__":
    sys.exit(main())
