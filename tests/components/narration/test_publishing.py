"""Publishing: readers see the old version or the new one; what is retracted is gone."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import feedparser
import pytest

from brume import storage
from brume.narration.model.site.about import Site
from brume.narration.pipeline.publishing import Publisher
from tests.components.narration.polly import State
from tests.components.narration.sites import Made


def article(title: str, text: str, **fields: str) -> str:
    more = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return f"---\ntitle: {title}\ndate: 2024-05-01\n{more}---\n\n{text}\n"


def record(made: Made, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made.site / "articles" / name / "article.json").read_text())
    return found


def listed(made: Made) -> dict[str, set[str]]:
    """The articles that each list of the site names."""
    site = json.loads((made.site / "site.json").read_text())
    feed = feedparser.parse((made.site / "feed.xml").read_bytes())
    catalog = json.loads((made.site / "catalog.json").read_text())
    page = (made.site / "index.html").read_text()
    folders = made.site / "articles"
    return {
        "site": {one["name"] for one in site["articles"]},
        "feed": {one.id.split("/")[-2] for one in feed.entries},
        "catalog": set(catalog["articles"]),
        "page": {name for name in "abc" if f"articles/{name}/index.html" in page},
        "files": {path.name for path in folders.iterdir()} if folders.exists() else set(),
    }


def everywhere(*names: str) -> dict[str, set[str]]:
    return {place: set(names) for place in ("site", "feed", "catalog", "page", "files")}


def test_a_changed_article_gets_a_new_version_and_the_one_before_stays_for_listeners(made: Made) -> None:
    made.write(a=article("A", "One."), b=article("B", "Two.")).run()
    first, other = record(made, "a"), record(made, "b")
    made.write(a=article("A", "One, corrected.")).run()
    second = record(made, "a")
    assert second["version"] != first["version"] and record(made, "b") == other
    for one in (first, second):
        assert (made.site / "articles" / "a" / one["audio"][0]["src"]).stat().st_size == one["audio"][0][
            "bytes"
        ]
    made.write(a=article("A", "One, corrected again.")).run()
    versions = {path.name for path in (made.site / "articles" / "a").iterdir() if path.is_dir()}
    assert versions == {second["version"], record(made, "a")["version"]}
    changes = json.loads((made.out / "work/changes/changes.json").read_text())
    assert changes == {"added": [], "replaced": ["a"], "retracted": [], "unchanged": ["b"], "missing": []}


@pytest.mark.parametrize("how", ["front matter", "file"])
def test_a_retracted_article_is_taken_down_everywhere(made: Made, how: str) -> None:
    made.write(a=article("A", "One."), b=article("B", "Two.")).run()
    assert all(names == {"a", "b"} for names in listed(made).values())
    if how == "file":
        (made.articles / "a.md").unlink()
    else:
        made.write(a=article("A", "One.", retracted="true"))
    made.run()
    assert listed(made) == everywhere("b")
    made.write(a=article("A", "Back.")).run()
    assert all(names == {"a", "b"} for names in listed(made).values())


def test_an_article_that_cannot_be_read_is_not_taken_down(made: Made) -> None:
    made.write(a=article("A", "One."), b=article("B", "Two.")).run()
    (made.articles / "a.md").write_bytes(b"\xff\xff")
    made.run()
    assert all(names == {"a", "b"} for names in listed(made).values())
    # Then nothing that is missing is, and the report names it.
    (made.articles / "a.md").rename(made.articles / "c.md")
    made.run()
    assert all(names == {"a", "b"} for names in listed(made).values())
    changes = json.loads((made.out / "work/changes/changes.json").read_text())
    assert changes["missing"] == ["a"] and "still published" in (made.out / "report.html").read_text()


def test_files_that_a_kill_left_before_the_catalog_knew_of_them_are_taken_down_too(made: Made) -> None:
    made.write(a=article("A", "One."), b=article("B", "Two.")).run()
    catalog = made.site / "catalog.json"
    known = json.loads(catalog.read_text())
    known["articles"].pop("a")
    catalog.write_text(json.dumps(known))
    made.write(a=article("A", "One.", retracted="true")).run()
    assert listed(made) == everywhere("b")


def test_no_articles_at_all_are_an_error_and_no_empty_site(made: Made) -> None:
    made.write(a=article("A", "One.")).run()
    (made.articles / "a.md").unlink()
    with pytest.raises(FileNotFoundError, match="holds no articles"):
        made.run()
    assert listed(made)["files"] == {"a"}


@pytest.mark.long
@pytest.mark.parametrize("place", range(0, 24, 4))
def test_a_kill_at_any_moment_leaves_a_whole_site_and_the_next_run_completes_it(
    made: Made, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change of the site's files may be the last one of a process."""
    made.write(a=article("A", "One."), b=article("B", "Two."), c=article("C", "Three.")).run()
    made.write(a=article("A", "One, corrected."))
    (made.articles / "b.md").unlink()
    count = [0]

    def counted(name: str) -> Any:
        original = getattr(storage, name)

        def call(*given: Any, **more: Any) -> Any:
            if any(str(made.site) in str(one) for one in given):
                count[0] += 1
                if count[0] > place:
                    raise KeyboardInterrupt
            return original(*given, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("write_bytes", "upload", "remove", "write_version"):
            patch.setattr(storage, name, counted(name))
        try:
            made.run()
        except KeyboardInterrupt:
            assert whole(made)
    made.run()
    assert whole(made) and listed(made) == everywhere("a", "c")
    assert (
        "corrected"
        in next((made.site / "articles/a").glob(f"{record(made, 'a')['version']}/transcript.txt")).read_text()
    )


def whole(made: Made) -> bool:
    """Whether every article that is there names files that are there."""
    found = list((made.site / "articles").glob("*/article.json"))
    for path in found:
        one = json.loads(path.read_text())
        names = [one["marks"], one["transcript"], one["cover"], one["epub"], one["audio"][0]["src"]]
        assert all((path.parent / name).is_file() for name in names), path
    for entry in feedparser.parse((made.site / "feed.xml").read_bytes()).entries:
        audio = entry.enclosures[0].href.removeprefix("https://example.org/audio/")
        assert (made.site / audio).is_file() or not (made.site / audio).parent.parent.exists()
    return True


def test_two_publishers_at_once_lose_nothing(made: Made, tmp_path: Path) -> None:
    made.write(**{name: article(name.upper(), f"Text of {name}.") for name in "abcdef"}).run()
    from brume.narration.pipeline.stages import _made

    versions = type("Versions", (), {"uri": str(made.out / "work" / "versions")})()
    every = _made(versions, tmp_path)
    target, site = str(tmp_path / "other"), Site("Test site", "https://example.org/audio")
    threads = [
        threading.Thread(target=lambda one=one: Publisher(target, site).publish([one])) for one in every
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(Publisher(target, site).articles()) == set("abcdef")
    feed = feedparser.parse(Path(target, "feed.xml").read_bytes())
    assert {entry.id.split("/")[-2] for entry in feed.entries} == set("abcdef")


def test_a_site_in_a_bucket_has_its_media_types(made: Made, s3_server: str, polly: State) -> None:
    from brume.aws.client import client

    s3 = client("s3")
    s3.create_bucket(Bucket="podcast")
    made.write(a=article("A", "One."), b=article("B", "Two.")).run(
        publish="s3://podcast/audio", formats="mp3,opus"
    )
    (made.articles / "b.md").unlink()
    made.write(a=article("A", "Corrected.")).run(publish="s3://podcast/audio", formats="mp3,opus")
    keys = {one["Key"] for one in s3.list_objects_v2(Bucket="podcast")["Contents"]}
    kinds = {key.rpartition(".")[2]: s3.head_object(Bucket="podcast", Key=key)["ContentType"] for key in keys}
    assert {
        "mp3": "audio/mpeg",
        "html": "text/html",
        "js": "text/javascript",
        "vtt": "text/vtt",
    }.items() <= kinds.items()
    assert kinds["epub"] == "application/epub+zip" and kinds["json"] == "application/json"
    assert not any(key.startswith("audio/articles/b/") for key in keys)
    feed = feedparser.parse(s3.get_object(Bucket="podcast", Key="audio/feed.xml")["Body"].read())
    place = feed.entries[0].enclosures[0].href.removeprefix("https://example.org/")
    assert place in keys


@pytest.mark.long
def test_object_storage_that_is_down_is_an_error_and_the_site_stays(
    made: Made, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume.aws.client import client

    client("s3").create_bucket(Bucket="down")
    made.write(a=article("A", "One.")).run(publish="s3://down/audio")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setattr("brume.aws.client.ATTEMPTS", 1)
    with pytest.raises(storage.StorageError, match="s3://down/audio"):
        made.write(a=article("A", "Two.")).run(publish="s3://down/audio")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    made.run(publish="s3://down/audio")
    text = client("s3").list_objects_v2(Bucket="down", Prefix="audio/articles/a/")["Contents"]
    assert len({one["Key"].split("/")[3] for one in text if one["Key"].count("/") == 4}) == 2
