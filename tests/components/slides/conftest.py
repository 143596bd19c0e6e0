"""Slides to cut into tiles, and the environment of predictors."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from brume.slides.demo.generator import paint_slide
from brume.slides.demo.painter import GLASS, write_slide
from tests.components.slides.tiled import source


@pytest.fixture(scope="module")
def tissue():
    """1200 x 1500 pixels of tissue to the edges."""
    rng, stain = np.random.default_rng(7), np.random.default_rng(8)
    painted = paint_slide("lusc", 4000, 4000, rng, stain)(1200, 2400)
    return np.ascontiguousarray(painted[:, 1000:2500])


@pytest.fixture(scope="module")
def slide(tissue, tmp_path_factory):
    path = tmp_path_factory.mktemp("slide") / "a.svs"
    write_slide(path, tissue, mpp=0.5, levels=(4,))
    return path


@pytest.fixture
def group(tissue, slide, tmp_path):
    """Two good slides, and one of each kind that cannot be used."""
    folder = tmp_path / "slides"
    folder.mkdir()
    shutil.copy(slide, folder / "good-1.svs")
    write_slide(folder / "good-2.svs", tissue[:700], source_tile=256, rgb=True)
    write_slide(folder / "glass.svs", np.full((600, 600, 3), GLASS, np.uint8))
    (folder / "broken.svs").write_bytes(b"no slide at all")
    whole = slide.read_bytes()
    (folder / "cut.svs").write_bytes(whole[: len(whole) * 2 // 3])
    return [source(path) for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run whose predictors are processes of this machine."""
    folder = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRUME_OUT", str(folder))
        patch.setenv("BRUME_COMPUTE", "local")
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        yield folder
