"""ML Metadata's store over gRPC: `python metadata_server.py ADDRESS FILE`.

Its makers ship the server as a container image only. What their wheel has is the same store, as a library
that takes and gives the messages of the service; this program is the wire before it. It runs in an
environment of its own (`metadata_store.py`).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
from ml_metadata.metadata_store.pywrap.metadata_store_extension import (  # type: ignore[import-not-found]
    metadata_store,
)
from ml_metadata.proto import (  # type: ignore[import-not-found]
    metadata_store_pb2,
    metadata_store_service_pb2,
)


def serve(address: str, file: str) -> None:
    """Answer at `address` (HOST:PORT), with what the SQLite database `file` knows, until it is ended."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = file
    options = metadata_store_pb2.MigrationOptions()
    store = metadata_store.CreateMetadataStore(connection.SerializeToString(), options.SerializeToString())
    service = metadata_store_service_pb2.DESCRIPTOR.services_by_name["MetadataStoreService"]
    one_at_a_time = threading.Lock()

    def handler(name: str) -> grpc.RpcMethodHandler:
        method = getattr(metadata_store, name)

        def call(request: bytes, context: Any) -> bytes:
            with one_at_a_time:
                answer, message, status = method(store, request)
            if status:
                context.abort(_code(status), message.decode(errors="replace"))
            return bytes(answer)

        return grpc.unary_unary_rpc_method_handler(call)  # bytes in, bytes out: the library reads them

    handlers: dict[str, Callable[..., Any]] = {
        method.name: handler(method.name)
        for method in service.methods
        if hasattr(metadata_store, method.name)
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    if not server.add_insecure_port(address):
        sys.exit(f"cannot listen at {address}")
    server.start()
    print(f"{len(handlers)} of {len(service.methods)} methods at {address}", flush=True)
    server.wait_for_termination()


def _code(number: int) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == number)


if __name__ == "__main__":
    serve(*sys.argv[1:])
