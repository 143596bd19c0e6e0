"""Requests of inference and their answers: KServe's V1 and V2, TensorFlow Serving's REST.

V1 and TensorFlow Serving share a path: rows as `{"instances": [...]}`, answered by `{"predictions": [...]}`,
or columns as `{"inputs": {NAME: [...]}}`, answered by `{"outputs": [...]}`
(tensorflow.org/tfx/serving/api_rest). V2 is the Open Inference Protocol with its extension of binary tensors
(kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol): the input is a tensor of BYTES,
an element of which is a file, or in JSON its base64. A prediction that is no row of numbers is an element of
BYTES as well, in JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIGNATURE = "serving_default"
VERSION = "1"  # of a served model: there is one
BINARY_HEADER = "Inference-Header-Content-Length"  # bytes of the JSON that binary tensors follow
_FORM = 'the body must be {"instances": [{"b64": "..."}, ...]}'


class RequestError(ValueError):
    """A request that the client has to change; the message names the instance and the reason."""


@dataclass(frozen=True)
class Tensors:
    """What a model takes and gives: files by the name `input`, predictions by the name `output`.

    `columns` is the length of a prediction that is a row of numbers; None for one that is a JSON object.
    """

    input: str
    output: str
    columns: int | None = None


@dataclass(frozen=True)
class Reply:
    """The body of an answer, and its headers beside the usual."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Call:
    """The instances of a request, each a JSON value or the bytes of a file, and what makes its answer."""

    instances: list[Any]
    reply: Callable[[list[Any]], Reply]


def image_bytes(instance: Any, index: int) -> bytes:
    """Return the file of an instance: `{"b64": ...}`, line breaks of MIME allowed, or the bytes themselves.

    Raises `RequestError`, naming the instance.
    """
    if isinstance(instance, bytes):
        return instance
    text = instance.get("b64") if isinstance(instance, dict) else None
    if not isinstance(text, str):
        raise RequestError(f'instance {index}: it must be {{"b64": "..."}}, an image file in base64')
    return _decoded(text, index)


def _decoded(text: str, index: int) -> bytes:
    """Decode base64, with or without the line breaks of MIME (RFC 2045, 6.8)."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(f"instance {index}: bad base64: {error}") from error


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    return dict(_mapping(content))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(content: Mapping[str, Any]) -> Reply:
    return Reply(json.dumps(content, allow_nan=False).encode(), {})


def read_v1(body: bytes, tensors: Tensors) -> Call:
    """Read a request of KServe's V1 or of TensorFlow Serving. Raises `RequestError`."""
    content = _parsed(body)
    signature = content.get("signature_name") or SIGNATURE
    if signature != SIGNATURE:
        raise RequestError(f"signature_name is {signature!r}; the model has {SIGNATURE!r} alone")
    if "instances" in content and "inputs" in content:
        raise RequestError("the body has both instances and inputs: send one of them")
    if "inputs" in content:
        return Call(_column(content["inputs"], tensors), lambda found: _plain({"outputs": found}))
    instances = content.get("instances")
    if not isinstance(instances, list):
        raise RequestError(_FORM)
    return Call(
        [_of_name(instance, tensors) for instance in instances], lambda found: _plain({"predictions": found})
    )


def _of_name(instance: Any, tensors: Tensors) -> Any:
    """Return the instance of a row that names its only input, `{"image_bytes": {"b64": ...}}`."""
    named = instance.get(tensors.input) if isinstance(instance, dict) else None
    return named if isinstance(named, dict) else instance


def _column(inputs: Any, tensors: Tensors) -> list[Any]:
    """Return the instances of a request by columns: of the one input, or of the input by its name."""
    if isinstance(inputs, dict) and list(inputs) == [tensors.input]:
        inputs = inputs[tensors.input]
    if not isinstance(inputs, list):
        raise RequestError(f'inputs must be {{"{tensors.input}": [{{"b64": "..."}}, ...]}}, or its list')
    return inputs


def read_v2(body: bytes, json_bytes: str | None, name: str, tensors: Tensors) -> Call:
    """Read a request of V2; `json_bytes` is the header that counts the bytes before binary tensors.

    Raises `RequestError`.
    """
    head, binary = body, b""
    if json_bytes is not None:
        if not json_bytes.isdecimal() or int(json_bytes) > len(body):
            raise RequestError(f"{BINARY_HEADER} is {json_bytes!r}; the body has {len(body)} bytes")
        head, binary = body[: int(json_bytes)], body[int(json_bytes) :]
    content = _parsed(head)
    given = content.get("inputs")
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], dict):
        raise RequestError(f"inputs must be a list of one tensor, {tensors.input}")
    instances = _elements(given[0], binary, tensors.input)
    answer = {"model_name": name, "model_version": VERSION}
    if "id" in content:
        answer["id"] = content["id"]
    as_binary = _wants_binary(content, tensors.output)
    return Call(instances, lambda found: _tensor_reply(answer, found, tensors, as_binary))


def _elements(tensor: Mapping[str, Any], binary: bytes, name: str) -> list[Any]:
    """Return the files of an input tensor of BYTES, shape [N] or [N, 1]."""
    if tensor.get("name") != name:
        raise RequestError(f"the input is {tensor.get('name')!r}; the model has {name!r}")
    if tensor.get("datatype") != "BYTES":
        raise RequestError(f"input {name}: datatype is {tensor.get('datatype')!r}; it must be BYTES")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise RequestError(f"input {name}: shape is {shape}; it must be [N] or [N, 1]")
    size = _mapping(tensor.get("parameters")).get("binary_data_size")
    if size is not None:
        if size != len(binary):
            raise RequestError(f"input {name}: binary_data_size is {size!r}; {len(binary)} bytes follow")
        elements: list[Any] = _unpacked(binary, name)
    else:
        data = _flat(tensor.get("data"))
        if not all(isinstance(one, str) for one in data):
            raise RequestError(f"input {name}: data must be a list of files in base64")
        elements = [_decoded(one, index) for index, one in enumerate(data)]
    if len(elements) != shape[0]:
        raise RequestError(f"input {name}: shape is {shape}, but it has {len(elements)} elements")
    return elements


def _flat(data: Any) -> list[Any]:
    """Return the elements of a tensor in JSON, given flat or as a list of rows."""
    rows = data if isinstance(data, list) else [data]
    return [one for row in rows for one in (row if isinstance(row, list) else [row])]


def _unpacked(binary: bytes, name: str) -> list[Any]:
    """Return the elements of a binary tensor of BYTES: each after its length, 4 bytes, little-endian."""
    elements: list[Any] = []
    at = 0
    while at < len(binary):
        length = int.from_bytes(binary[at : at + 4], "little")
        if at + 4 + length > len(binary):
            raise RequestError(f"input {name}: element {len(elements)} is longer than the tensor")
        elements.append(binary[at + 4 : at + 4 + length])
        at += 4 + length
    return elements


def _wants_binary(content: Mapping[str, Any], name: str) -> bool:
    """Return whether a request asks for its output as a binary tensor, and refuse outputs by other names."""
    outputs = content.get("outputs") or []
    if not isinstance(outputs, list) or not all(isinstance(one, dict) for one in outputs):
        raise RequestError("outputs must be a list of tensors")
    for one in outputs:
        if one.get("name") != name:
            raise RequestError(f"the output is {one.get('name')!r}; the model has {name!r}")
    of_all = _mapping(content.get("parameters")).get("binary_data_output", False)
    own = _mapping(outputs[0].get("parameters")) if outputs else {}
    return bool(own.get("binary_data", of_all))


def _tensor_reply(
    answer: Mapping[str, Any], found: Sequence[Any], tensors: Tensors, as_binary: bool
) -> Reply:
    """Return predictions as a tensor: FP32 [N, columns], or BYTES [N], each a JSON object."""
    output: dict[str, Any] = {"name": tensors.output}
    data: list[Any]
    if tensors.columns is not None:
        data = [float(value) for row in found for value in row]
        output |= {"datatype": "FP32", "shape": [len(found), tensors.columns]}
    else:
        data = [json.dumps(one, allow_nan=False) for one in found]
        output |= {"datatype": "BYTES", "shape": [len(found)]}
    if not as_binary:
        return _plain({**answer, "outputs": [{**output, "data": data}]})
    if tensors.columns is not None:
        packed = struct.pack(f"<{len(data)}f", *data)
    else:
        packed = b"".join(struct.pack("<I", len(text)) + text for text in map(str.encode, data))
    output["parameters"] = {"binary_data_size": len(packed)}
    head = json.dumps({**answer, "outputs": [output]}).encode()
    headers = {BINARY_HEADER: str(len(head)), "content-type": "application/octet-stream"}
    return Reply(head + packed, headers)


def describe_v2(name: str, tensors: Tensors) -> dict[str, Any]:
    """Return a model's metadata by V2."""
    rows = [-1] if tensors.columns is None else [-1, tensors.columns]
    datatype = "BYTES" if tensors.columns is None else "FP32"
    return {
        "name": name,
        "versions": [VERSION],
        "platform": "brume",
        "inputs": [{"name": tensors.input, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": tensors.output, "datatype": datatype, "shape": rows}],
    }


def describe_v1(name: str, tensors: Tensors) -> dict[str, Any]:
    """Return what TensorFlow Serving gives as a model's metadata: its version and its signature."""

    def tensor(dtype: str, label: str, *shape: int) -> dict[str, Any]:
        dimensions = [{"size": str(size), "name": ""} for size in shape]
        return {
            "dtype": dtype,
            "tensor_shape": {"dim": dimensions, "unknown_rank": False},
            "name": f"{label}:0",
        }

    rows = (-1,) if tensors.columns is None else (-1, tensors.columns)
    kind = "DT_STRING" if tensors.columns is None else "DT_FLOAT"
    signature = {
        "inputs": {tensors.input: tensor("DT_STRING", f"{SIGNATURE}_{tensors.input}", -1)},
        "outputs": {tensors.output: tensor(kind, "StatefulPartitionedCall", *rows)},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": VERSION},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }


def status_v1(name: str) -> dict[str, Any]:
    """Return the status of a model that is served, for clients of KServe and of TensorFlow Serving."""
    state = {"version": VERSION, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    return {"name": name, "ready": True, "model_version_status": [state]}
