"""A double of the Kubernetes API, for tests: it is no Kubernetes.

A small real HTTP server that keeps MPIJobs, InferenceServices, Jobs, pods and logs in memory and speaks as
much of the API as the `kubernetes` client needs for them: create, get, list, watch, delete, and a followed
log. No operator runs behind it: a test's own `play` says what happens to an object after it was created. It
shows that our side of the conversation is right, cut connections included; that a cluster does its part is
shown by no test that uses it.
"""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.polling import until

Object = dict[str, Any]
# A connection that ends before a request, one that ends before its answer, and a request that is answered.
CUT, LOST, PASS = 0, -1, 1
_OPERATOR_LABELS = {
    "jobs": "batch.kubernetes.io/job-name",
    "mpijobs": "training.kubeflow.org/job-name",
    "inferenceservices": "serving.kserve.io/inferenceservice",
}


class KubernetesDouble:
    """The server; use it as a context manager."""

    def __init__(self, play: Callable[[KubernetesDouble, str], None]) -> None:
        self.objects: dict[str, Object] = {}
        self.created: list[Object] = []
        self.deleted: list[str] = []
        self.pods: dict[str, Object] = {}
        self.warnings: list[tuple[str, str, str]] = []  # what an event is about, its reason, its message
        self.failures: list[int] = []  # statuses for the next requests, or CUT, LOST, PASS
        self.log_cuts: list[int] = []  # after how many bytes the next log connections are cut
        self.watch_faults: list[str] = []  # "gone" or "cut", for the next watches
        self.events_listed = 0
        self._given: dict[str, str] = {}  # by object: the version that the client got last
        self._logs: dict[str, list[bytes]] = {}
        self._closed_logs: set[str] = set()
        self._version = 100
        self._clock = 0
        self._changed = threading.Condition()
        self._play = play
        self._label = ""
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> KubernetesDouble:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that points here."""
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "double",
                    "clusters": [{"name": "double", "cluster": {"server": self.url}}],
                    "users": [{"name": "double", "user": {}}],
                    "contexts": [{"name": "double", "context": {"cluster": "double", "user": "double"}}],
                }
            )
        )
        return path

    # What a play may do -----------------------------------------------------------------------------------

    def pod(self, name: str, container: str, phase: str = "Running", **status: Any) -> None:
        """Add or change a pod of the object that is there."""
        (owner,) = self.objects
        self.pods[name] = {
            "metadata": {"name": name, "labels": {self._label: owner}},
            "spec": {"containers": [{"name": container, "image": "an-image"}]},
            "status": {"phase": phase, **status},
        }

    def status(self, name: str, **status: Any) -> None:
        """Change an object's status, as its operator would."""
        with self._changed:
            self._version += 1
            changed = {**self.objects[name], "status": status}
            changed["metadata"] = {**changed["metadata"], "resourceVersion": str(self._version)}
            self.objects[name] = changed
            self._changed.notify_all()

    def await_reader(self, name: str) -> None:
        """Wait until the client has got an object as it is now."""
        version = self.objects[name]["metadata"]["resourceVersion"]
        until(lambda: self._given.get(name) == version, f"a request that shows version {version} of {name}")

    def await_lists_of_events(self) -> None:
        """Wait until the client has listed the events twice more."""
        before = self.events_listed
        until(lambda: self.events_listed >= before + 2, "two requests for the events")

    def condition(self, name: str, kind: str, **more: Any) -> None:
        """Set one condition to True."""
        self.status(name, conditions=[{"type": kind, "status": "True", **more}])

    def write(self, pod: str, *lines: str, same_time: bool = False) -> None:
        """Add lines to a pod's log, each with its own time, or all with that of the first."""
        with self._changed:
            for index, line in enumerate(lines):
                self._clock += 0 if same_time and index else 1
                stamp = f"2030-01-01T00:{self._clock // 60:02}:{self._clock % 60:02}.{self._clock:09}".rstrip(
                    "0"
                )
                self._logs.setdefault(pod, []).append(f"{stamp}Z {line}\n".encode())
            self._changed.notify_all()

    def end(self, pod: str, code: int = 0, reason: str = "") -> None:
        """End a pod's container, and with it its log."""
        ended = {"exitCode": code, "reason": reason or ("Error" if code else "Completed")}
        status = self.pods[pod]["status"]
        status["phase"] = "Failed" if code else "Succeeded"
        status["containerStatuses"] = [
            {"name": "main", "ready": False, "restartCount": 0, "image": "an-image", "imageID": "",
             "state": {"terminated": ended}}
        ]  # fmt: skip
        with self._changed:
            self._closed_logs.add(pod)
            self._changed.notify_all()

    # What the API does ------------------------------------------------------------------------------------

    def create(self, plural: str, body: Object) -> tuple[int, Object]:
        name = body["metadata"]["name"]
        with self._changed:
            if name in self.objects:
                return 409, _failure(409, "AlreadyExists")
            self._version += 1
            self._label = _OPERATOR_LABELS[plural]
            body["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": str(self._version)}
            self.objects[name] = body
            self.created.append(body)
        threading.Thread(target=self._play, args=(self, name), daemon=True).start()
        return 201, body

    def delete(self, name: str) -> tuple[int, Object]:
        with self._changed:
            if name not in self.objects:
                return 404, _failure(404, "NotFound")
            del self.objects[name]
            self.pods.clear()
            self.deleted.append(name)
            self._changed.notify_all()
        return 200, {"kind": "Status", "status": "Success"}

    def get(self, name: str) -> tuple[int, Object]:
        found = self.objects.get(name)
        if found is None:
            return 404, _failure(404, "NotFound")
        self._given[name] = found["metadata"]["resourceVersion"]
        return 200, found

    def events(self) -> list[Object]:
        self.events_listed += 1
        return [
            {
                "metadata": {},
                "involvedObject": {"name": name},
                "type": "Warning",
                "reason": reason,
                "message": text,
            }
            for name, reason, text in self.warnings
        ]

    def watch(self, name: str, version: str, seconds: float, send: Callable[[bytes], None]) -> None:
        until = time.monotonic() + seconds
        seen = version
        while (left := until - time.monotonic()) > 0:
            with self._changed:
                found = self.objects.get(name)
                if found is not None and found["metadata"]["resourceVersion"] == seen:
                    self._changed.wait(left)
                    continue
            if found is None:
                send(json.dumps({"type": "DELETED", "object": {"metadata": {"name": name}}}).encode() + b"\n")
                return
            seen = found["metadata"]["resourceVersion"]
            send(json.dumps({"type": "MODIFIED", "object": found}).encode() + b"\n")
            self._given[name] = seen

    def log(self, pod: str, follow: bool, send: Callable[[bytes], None]) -> None:
        given = 0
        while True:
            with self._changed:
                lines = self._logs.get(pod, [])[given:]
                closed = not follow or pod in self._closed_logs or pod not in self.pods
                if not lines and not closed:
                    self._changed.wait(1)
                    continue
            for line in lines:
                send(line)
                given += 1
            if closed and not lines:
                return


def _failure(code: int, reason: str) -> Object:
    return {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": f"it is {reason}",
    }


class _Handler(http.server.BaseHTTPRequestHandler):
    double: KubernetesDouble
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, *_arguments: object) -> None:
        pass

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        address = urllib.parse.urlsplit(self.path)
        query = {key: values[0] for key, values in urllib.parse.parse_qs(address.query).items()}
        parts = address.path.strip("/").split("/")
        double = self.double
        status = double.failures.pop(0) if double.failures else PASS
        if status != PASS:
            if status == LOST and method == "POST":
                double.create(parts[5], body)
            return self._answer(status, _failure(status, "Trouble")) if status > 0 else self._cut()
        if parts[0] == "api":  # api/v1/namespaces/NS/pods[/NAME/log]
            if parts[-1] == "log":
                return self._log(parts[5], query)
            if parts[-1] == "events":
                return self._answer(200, {"kind": "EventList", "metadata": {}, "items": double.events()})
            key, _, value = query["labelSelector"].partition("=")
            found = [pod for pod in double.pods.values() if pod["metadata"]["labels"].get(key) == value]
            return self._answer(200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": found})
        plural, name = parts[5], parts[6] if len(parts) > 6 else ""  # apis/GROUP/VERSION/namespaces/NS/PLURAL
        if method == "POST":
            return self._answer(*double.create(plural, body))
        if method == "DELETE":
            return self._answer(*double.delete(name))
        if "watch" in query:
            return self._watch(query)
        return self._answer(*double.get(name))

    def _answer(self, status: int, body: Object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _stream(
        self, content: Callable[[Callable[[bytes], None]], None], cut_after: int | None = None
    ) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = cut_after

        def send(data: bytes) -> None:
            nonlocal left
            if left is not None and len(data) >= left:
                data = data[:left]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
                raise ConnectionAbortedError
            if left is not None:
                left -= len(data)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

        try:
            content(send)
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionAbortedError:
            self._cut()
        except OSError:
            self.close_connection = True

    def _watch(self, query: dict[str, str]) -> None:
        fault = self.double.watch_faults.pop(0) if self.double.watch_faults else ""
        if fault == "cut":
            return self._stream(lambda send: send(b'{"type": "MODI'), cut_after=3)
        if fault == "gone":
            gone = json.dumps({"type": "ERROR", "object": _failure(410, "Expired")}).encode() + b"\n"
            return self._stream(lambda send: send(gone))
        name = query["fieldSelector"].removeprefix("metadata.name=")
        seconds = float(query["timeoutSeconds"])
        return self._stream(lambda send: self.double.watch(name, query["resourceVersion"], seconds, send))

    def _log(self, pod: str, query: dict[str, str]) -> None:
        follow = query.get("follow") == "True"
        cut = self.double.log_cuts.pop(0) if follow and self.double.log_cuts else None
        stamped = "timestamps" in query

        def content(send: Callable[[bytes], None]) -> None:
            self.double.log(pod, follow, send if stamped else lambda line: send(line.split(b" ", 1)[1]))

        self._stream(content, cut)
