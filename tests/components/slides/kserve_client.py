"""Ask a served model by KServe's own client: `python kserve_client.py URL NAME FILE...`.

Prints as JSON what the client makes of each answer. It runs in an environment of its own (kserve-client.txt).
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kserve import (  # type: ignore[import-not-found]
    InferenceRESTClient,
    InferInput,
    InferOutput,
    InferRequest,
    RESTConfig,
)


def request(name: str, files: list[bytes], *, binary: bool) -> Any:
    """Return a request of V2: as text the files are base64, as binary tensors themselves."""
    values = files if binary else [base64.b64encode(data).decode() for data in files]
    tensor = InferInput("image_bytes", [len(files)], "BYTES")
    tensor.set_data_from_numpy(np.array(values, dtype=object), binary_data=binary)
    outputs = [InferOutput("probabilities", [], "FP32", parameters={"binary_data": binary})]
    return InferRequest(name, [tensor], request_id="7", request_outputs=outputs)


async def main(url: str, name: str, files: list[bytes]) -> dict[str, Any]:
    """Return every answer."""
    v1, v2 = (InferenceRESTClient(RESTConfig(protocol=protocol)) for protocol in ("v1", "v2"))
    rows = {"instances": [{"b64": base64.b64encode(data).decode()} for data in files]}
    found: dict[str, Any] = {
        "live": [await v1.is_server_live(url), await v2.is_server_live(url)],
        "ready": [await v2.is_server_ready(url)],
        "model": [await v1.is_model_ready(url, name), await v2.is_model_ready(url, name)],
        "v1": (await v1.infer(url, rows, model_name=name))["predictions"],
    }
    for kind in ("text", "binary"):
        answer = await v2.infer(url, request(name, files, binary=kind == "binary"), model_name=name)
        found[kind] = [answer.id, answer.model_name, answer.outputs[0].as_numpy().tolist()]
    await v1.close()
    await v2.close()
    return found


if __name__ == "__main__":
    given = [Path(file).read_bytes() for file in sys.argv[3:]]
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], given))))
