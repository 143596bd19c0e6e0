"""Several images in one file, with what they have in common once."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from tests.cluster.harness import image_archive
from tests.cluster.harness.static_image import static_image


def test_images_keep_their_names_and_share_their_layers(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    files = {"/program": program}
    one = static_image(tmp_path / "one.tar", "registry.example/one:1", files, ["/program"])
    two = static_image(tmp_path / "two.tar", "registry.example/two:2", files, ["/program", "two"])
    other = static_image(tmp_path / "other.tar", "registry.example/other:1", {"/other": program}, ["/other"])

    merged = tmp_path / "merged.tar"
    image_archive.merge((tar.open("rb") for tar in (one, two, other)), merged)

    with tarfile.open(merged) as archive:
        members = archive.getnames()
        listed = archive.extractfile("manifest.json")
        assert listed
        manifest = json.load(listed)
        for entry in manifest:
            config = archive.extractfile(entry["Config"])
            assert config
            assert json.load(config)["config"]["Entrypoint"]
    assert len(members) == len(set(members))
    assert [entry["RepoTags"] for entry in manifest] == [
        ["registry.example/one:1"],
        ["registry.example/two:2"],
        ["registry.example/other:1"],
    ]
    layers = [entry["Layers"] for entry in manifest]
    assert layers[0] == layers[1] != layers[2]
    assert len([name for name in members if name.endswith(".tar")]) == 2
    assert {name for images in layers for name in images} <= set(members)
