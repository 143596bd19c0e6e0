"""Networks in ONNX, each run on one thread so that the same input gives the same output."""

from __future__ import annotations

from typing import Any


def session(model: bytes) -> Any:
    """Return a loaded network (`onnxruntime.InferenceSession`), for any thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def with_output(model: bytes, name: str) -> bytes:
    """Return a network whose inner value `name` is an output as well, after those it has.

    Protocol buffers that stand one after the other are one message: what is added here is ModelProto.graph
    (7) with a GraphProto.output (12), whose name is ValueInfoProto.name (1) of onnx.proto.
    """
    value = name.encode()
    for field in (1, 12, 7):
        if len(value) > 127:
            raise ValueError(f"{name} is too long a name of an output")
        value = bytes([field << 3 | 2, len(value)]) + value
    return model + value
