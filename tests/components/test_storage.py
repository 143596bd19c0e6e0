"""Storage: local and S3 behave alike; listings are complete, writes whole, streams survive a cut."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import pytest

from brume import storage


@pytest.fixture(scope="module")
def s3(s3_server: str) -> Iterator[str]:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="storage")
    yield "s3://storage"


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, s3: str) -> str:
    if request.param == "local":
        return str(tmp_path / "place")
    return f"{s3}/{request.node.name}"


def test_write_list_read_remove(place: str, tmp_path: Path) -> None:
    storage.write_bytes(storage.join(place, "a/one.txt"), b"1")
    storage.write_bytes(storage.join(place, "a/b/two.txt"), b"22")
    storage.write_bytes(storage.join(place, "ab.txt"), b"")
    entries = storage.list_files(storage.join(place, "a"))
    assert [(entry.uri.removeprefix(place), entry.size) for entry in entries] == [
        ("/a/b/two.txt", 2),
        ("/a/one.txt", 1),
    ]
    assert storage.read_bytes(storage.join(place, "a/b/two.txt")) == b"22"
    assert storage.fetch(storage.join(place, "a/one.txt"), tmp_path / "down").read_bytes() == b"1"
    assert storage.exists(storage.join(place, "a"))
    storage.remove(storage.join(place, "a"))
    assert not storage.exists(storage.join(place, "a"))
    assert storage.exists(storage.join(place, "ab.txt"))


def test_a_folder_is_removed_many_objects_a_request(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = f"{s3}/many"
    for number in range(25):
        storage.write_bytes(storage.join(folder, str(number)), b"")
    sizes: list[int] = []
    remove = storage._remove_objects

    def counted(uri: str, bucket: str, keys: list[str]) -> None:
        sizes.append(len(keys))
        remove(uri, bucket, keys)

    monkeypatch.setattr(storage, "_MOST_KEYS", 10)
    monkeypatch.setattr(storage, "_remove_objects", counted)
    storage.remove(folder)
    assert sizes == [10, 10, 6]  # a file of the folder's own name may be there too
    assert storage.list_files(folder) == []


def test_a_changed_file_has_another_version(place: str) -> None:
    uri = storage.join(place, "file")
    storage.write_bytes(uri, b"before")
    before = storage.stat(uri)
    storage.write_bytes(uri, b"after!")
    assert storage.stat(uri).version != before.version


def test_an_absent_file_is_named(place: str) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        storage.read_bytes(storage.join(place, "nowhere"))
    assert storage.list_files(storage.join(place, "nowhere")) == []


def test_a_folder_is_no_file(place: str, tmp_path: Path) -> None:
    storage.write_bytes(storage.join(place, "folder", "file"), b"x")
    with pytest.raises(FileNotFoundError, match="folder"):
        storage.read_bytes(storage.join(place, "folder"))


def test_a_folder_is_uploaded_whole(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/x").write_bytes(b"x")
    (tmp_path / "folder/deep/y").write_bytes(b"y")
    storage.upload(tmp_path / "folder", place)
    assert [entry.uri.removeprefix(place) for entry in storage.list_files(place)] == ["/deep/y", "/x"]


def test_all_pages_of_a_listing_are_read(s3: str, s3_server: str) -> None:
    """The original listed one page: slides past the thousandth did not exist for it."""
    raw = boto3.client("s3", endpoint_url=s3_server)
    for number in range(1003):
        raw.put_object(Bucket="storage", Key=f"many/{number:04}.svs", Body=b"")
    assert len(storage.list_files(f"{s3}/many")) == 1003


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "model.bin"
    target.write_bytes(b"whole")
    with pytest.raises(RuntimeError), storage.replacing(target) as partial:
        partial.write_bytes(b"ha")
        raise RuntimeError
    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


@contextmanager
def cutting_proxy(server: str, after: int, times: int) -> Iterator[str]:
    """Forward TCP connections to `server`, and cut the first `times` answers after `after` bytes."""
    host, port = server.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    left = [times]

    def serve(connection: socket.socket) -> None:
        upstream = socket.create_connection((host, int(port)))

        def pump(source: socket.socket, target: socket.socket, count: bool) -> None:
            passed = 0
            try:
                while data := source.recv(65536):
                    passed += len(data)
                    if count and left[0] and passed > after:
                        left[0] -= 1
                        target.sendall(data[: max(0, len(data) - (passed - after))])
                        break
                    target.sendall(data)
            except OSError:
                pass
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        back = threading.Thread(target=pump, args=(upstream, connection, True), daemon=True)
        back.start()
        pump(connection, upstream, False)
        back.join()
        connection.close()
        upstream.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_a_cut_stream_goes_on_where_it_stopped(
    s3: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(3_000_000)
    storage.write_bytes(f"{s3}/stream", content)
    with cutting_proxy(s3_server, after=700_000, times=4) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy)
        with storage.open_read(f"{s3}/stream") as stream:
            received = b"".join(iter(lambda: stream.read(50_001), b""))
    assert received == content


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"{s3}/replaced"
    storage.write_bytes(uri, b"a" * 3_000_000)
    with storage.open_read(uri) as stream:
        storage.write_bytes(uri, b"b" * 3_000_000)
        with pytest.raises(storage.StorageError, match="replaced"):
            stream.read()


def test_a_moved_file_is_at_its_new_name_alone(place: str) -> None:
    storage.write_bytes(storage.join(place, "from/file"), b"content")
    storage.write_bytes(storage.join(place, "to/file"), b"before")
    storage.move(storage.join(place, "from/file"), storage.join(place, "to/file"))
    assert storage.read_bytes(storage.join(place, "to/file")) == b"content"
    assert not storage.exists(storage.join(place, "from/file"))


def test_a_version_is_replaced_once(place: str) -> None:
    """Of two that read the same version one writes; the other learns that it came too late."""
    uri = storage.join(place, "state.json")
    first = storage.write_version(uri, b"first", "")
    with pytest.raises(storage.ReplacedError, match=r"state\.json"):
        storage.write_version(uri, b"also first", "")
    assert storage.read_version(uri) == (b"first", first)
    second = storage.write_version(uri, b"second", first)
    with pytest.raises(storage.ReplacedError):
        storage.write_version(uri, b"too late", first)
    assert storage.read_version(uri) == (b"second", second)


def test_a_write_whose_answer_was_lost_is_not_taken_for_another_writers(s3: str) -> None:
    """The client sends a request again when no answer comes: the second finds what the first wrote."""
    uri = f"{s3}/lost-answer.json"
    first = storage.write_version(uri, b"first", "")
    assert storage.write_version(uri, b"first", "") == first


def test_folders_behind_links_are_listed_once_each_and_circles_end(tmp_path: Path) -> None:
    """What lay in a linked folder did not exist."""
    for name in ("disk/a", "place/own/b"):
        storage.write_bytes(str(tmp_path / name), b"x")
    place = tmp_path / "place"
    for link, target in (("0", "own"), ("own/up", "."), ("z", "../disk"), ("own/z", "../disk")):
        (place / link).symlink_to(tmp_path / "place" / target)
    (place / "self").symlink_to(place / "self")
    (place / "gone").symlink_to(place / "nowhere")
    found = [entry.uri.removeprefix(f"{place}/") for entry in storage.list_files(str(place))]
    assert found == ["own/b", "z/a"]
