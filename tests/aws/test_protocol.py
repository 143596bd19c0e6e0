"""How requests find their operation, what is refused, and how, as clients of AWS see it."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from brume.aws.wire.gateway import Gateway
from brume.aws.wire.server import Call, Engine, Limits, Served, ServiceError, dispatch
from tests.aws.generating import JSON
from tests.aws.serving import KEYS, client_of, serve_engine

PROJECTS = "/2020-11-20/projects"


class Lookout:
    """Some operations of Lookout for Vision, each showing one thing."""

    def create_dataset(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"DatasetMetadata": {"DatasetType": request["DatasetType"], "StatusMessage": None}}

    def describe_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise ServiceError(
            "ResourceNotFoundException", "no such project", ResourceId="x", ResourceType="PROJECT", Other=1
        )

    async def describe_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise ServiceError("ThrottlingException", "slowly", RetryAfterSeconds=7, QuotaCode="L-1")

    def describe_dataset(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise ServiceError("PaymentException", "not in the model")

    def list_models(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise RuntimeError("photos/secret-part.png")

    def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"Projekts": []}

    def delete_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise ServiceError("ConflictException", "wrong members", ResourceId=7)

    def list_tags_for_resource(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"Tags": [{"Key": "arn", "Value": request["ResourceArn"]}]}

    def list_dataset_entries(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        before = request["BeforeCreationDate"].isoformat()
        return {"DatasetEntries": [f"{request['Labeled']} {before} {request['SourceRefContains']}"]}

    def tag_resource(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {}

    def detect_anomalies(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"DetectAnomalyResult": {"Confidence": len(request["Body"])}}


class Taking:
    """A service that takes everything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda request, call: {}


GATEWAYS = [
    Gateway([Served("", Engine({"lookoutvision": Taking(), "athena": Taking()}), Limits(workers=1))], keys)
    for keys in (None, KEYS)
]


class Athena:
    """One operation of a json 1.1 service."""

    def get_work_group(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if request["WorkGroup"] == "absent":
            raise ServiceError("InvalidRequestException", "no such group", AthenaErrorCode="X")
        return {"WorkGroup": {"Name": request["WorkGroup"], "CreationTime": datetime(2030, 1, 1, tzinfo=UTC)}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_engine(Engine({"lookoutvision": Lookout(), "athena": Athena()}), keys=None) as address:
        yield address


def ask(
    url: str, method: str, target: str, body: bytes | dict[str, Any] = b"", **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    connection.request(method, target, body=raw, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.headers.items()), json.loads(content) if content else {}


def error_of(client: Any, method: str, **parameters: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        getattr(client, method)(**parameters)
    return caught.value.response


def test_two_services_in_one_process_are_distinguished(url: str) -> None:
    group = client_of(url, "athena").get_work_group(WorkGroup="primary")["WorkGroup"]
    assert group["Name"] == "primary"
    assert group["CreationTime"] == datetime(2030, 1, 1, tzinfo=UTC)
    arn = "arn:aws:lookoutvision:eu-west-1:123456789012:model/a b/1"
    tags = client_of(url, "lookoutvision").list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "arn", "Value": arn}]


def test_an_error_has_the_shape_and_status_of_the_model(url: str) -> None:
    lookout = client_of(url, "lookoutvision")
    absent = error_of(lookout, "describe_project", ProjectName="x")
    assert absent["Error"] == {"Code": "ResourceNotFoundException", "Message": "no such project"}
    assert (absent["ResourceId"], absent["ResourceType"]) == ("x", "PROJECT")
    assert absent["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert absent["ResponseMetadata"]["RequestId"]
    with pytest.raises(lookout.exceptions.ResourceNotFoundException):
        lookout.describe_project(ProjectName="x")
    slow = error_of(lookout, "describe_model", ProjectName="x", ModelVersion="1")
    assert (slow["RetryAfterSeconds"], slow["QuotaCode"]) == (7, "L-1")
    assert slow["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"
    other = error_of(lookout, "describe_dataset", ProjectName="x", DatasetType="test")
    assert (other["Error"]["Code"], other["ResponseMetadata"]["HTTPStatusCode"]) == ("PaymentException", 400)
    athena = client_of(url, "athena")
    with pytest.raises(athena.exceptions.InvalidRequestException) as caught:
        athena.get_work_group(WorkGroup="absent")
    assert caught.value.response["AthenaErrorCode"] == "X"


def test_the_error_for_a_fault_of_the_engine_omits_what_was_sent(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "brume.engine")
    lookout = client_of(url, "lookoutvision")
    for method, parameters in (
        ("list_models", {"ProjectName": "x"}),
        ("list_projects", {}),
        ("delete_project", {"ProjectName": "x"}),
    ):
        failed = error_of(lookout, method, **parameters)
        assert failed["Error"]["Code"] == "InternalServerException"
        assert failed["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert failed["ResponseMetadata"]["RequestId"] in failed["Error"]["Message"]
        assert "secret" not in str(failed)
    lines = [json.loads(record.message) for record in caplog.records]
    assert {line["failure"] for line in lines if "failure" in line} == {"RuntimeError", "OutputError"}
    assert any("list_models" in line["at"][-1] for line in lines if "at" in line)
    assert "secret" not in caplog.text


def test_all_faults_of_a_request_are_named_at_once(url: str) -> None:
    client = client_of(url, "lookoutvision", parameter_validation=False)
    wrong = error_of(
        client,
        "create_dataset",
        ProjectName="no spaces",
        DatasetType="both",
        ClientToken="?",
        DatasetSource={"GroundTruthManifest": {"S3Object": {"Bucket": "b", "Key": 7}}},
    )
    assert wrong["Error"]["Code"] == "ValidationException"
    message = wrong["Error"]["Message"]
    assert message.startswith("5 validation errors detected: ")
    for part in (
        "ProjectName must match the pattern",
        "DatasetType must match the pattern train|test",
        "ClientToken must match",
        "DatasetSource.GroundTruthManifest.S3Object.Bucket must be at least 3 characters long, and is 1",
        "DatasetSource.GroundTruthManifest.S3Object.Key must be a string",
    ):
        assert part in message
    tags = [{"Key": "a", "Value": "b"}, {"Key": "x" * 129}]
    wrong = error_of(client, "tag_resource", ResourceArn="arn", Tags=tags)
    assert "Tags[1].Key must be at most 128 characters long, and is 129" in wrong["Error"]["Message"]
    assert "Tags[1].Value is required" in wrong["Error"]["Message"]
    wrong = error_of(client_of(url, "athena", parameter_validation=False), "get_work_group")
    assert wrong["Error"]["Code"] == "InvalidRequestException"  # as this service calls it
    assert "WorkGroup is required" in wrong["Error"]["Message"]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"DatasetType": tru', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"DatasetType": NaN}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ('{"DatasetType": "train"}'.encode("utf-16"), "not JSON in UTF-8"),
        (b"[]", "must be a JSON object"),
    ],
)
def test_a_body_that_is_not_json_is_refused(url: str, body: bytes, part: str) -> None:
    status, headers, answer = ask(url, "POST", f"{PROJECTS}/a/datasets", body)
    assert (status, headers["x-amzn-errortype"]) == (400, "SerializationException")
    assert part in answer["message"]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (None, "is required"),
        (True, "must be a string"),
        (["train"], "must be a string"),
        ("\ud800", "surrogate"),
        ("train\n", "must match"),
    ],
)
def test_a_value_of_another_type_is_refused(url: str, value: Any, part: str) -> None:
    status, _, answer = ask(url, "POST", f"{PROJECTS}/a/datasets", {"DatasetType": value})
    assert status == 400
    assert part in answer["Message"]


def test_what_has_no_operation_is_not_found(url: str) -> None:
    for method, target in (
        ("GET", "/"),
        ("PUT", PROJECTS),
        ("GET", f"{PROJECTS}/a/b/c/d/e"),
        ("POST", "/x?y"),
    ):
        status, headers, _ = ask(url, method, target)
        assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    status, _, answer = ask(url, "POST", "/", b"{}", X_Amz_Target="AmazonAthena.MakeCoffee")
    assert (status, answer["__type"]) == (404, "UnknownOperationException")
    missing = error_of(client_of(url, "lookoutvision"), "stop_model", ProjectName="a", ModelVersion="1")
    assert missing["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_labels_and_queries_are_decoded_once(url: str) -> None:
    status, _, answer = ask(url, "GET", "/2020-11-20/tags/a%2Fb%2520c+d")
    assert (status, answer["Tags"][0]["Value"]) == (200, "a/b%20c+d")
    status, _, _ = ask(url, "GET", f"{PROJECTS}/..%2F..%2Fetc%2Fpasswd")
    assert status == 400
    at = "2030-01-31T12:00:00%2B01:00"
    query = f"labeled=true&createdBefore={at}&sourceRefContains=a%26b%3D"
    status, _, answer = ask(url, "GET", f"{PROJECTS}/a/datasets/train/entries?{query}")
    assert answer["DatasetEntries"] == ["True 2030-01-31T11:00:00+00:00 a&b="]
    status, _, answer = ask(url, "GET", f"{PROJECTS}/a/datasets/train/entries?labeled=yes&maxResults=many")
    assert "Labeled must be true or false" in answer["Message"]
    assert "MaxResults must be a whole number" in answer["Message"]


def test_pages_are_served_without_a_signature_and_everything_else_with_one() -> None:
    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    engine = Engine({"lookoutvision": Lookout()}, pages=[Mount("/console", routes=[Route("/", hello)])])
    with serve_engine(engine) as url:
        with urlopen(f"{url}/console/") as page:
            assert page.read() == b"hello"
        for target in ("/", "/consoles", PROJECTS):
            assert ask(url, "GET", target)[0] in (403, 404)
        assert client_of(url, "lookoutvision").tag_resource(ResourceArn="arn", Tags=[])


_ANY = st.binary(max_size=40)
_PATHS = st.lists(
    st.sampled_from(
        [b"/2020-11-20/projects", b"/2020-11-20/tags", b"/datasets", b"/train", b"/entries", b"/models/1"]
    )
    | _ANY.map(lambda data: b"/" + quote_from_bytes(data).encode())
    | _ANY.map(lambda data: b"/" + data),
    min_size=1,
    max_size=4,
).map(b"".join)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"authorization",
                b"x-amz-target",
                b"x-amzn-client-token",
                b"content-type",
                b"x-amz-content-sha256",
            ]
        ),
        _ANY,
    ),
    max_size=3,
)
_BODIES = _ANY | JSON.map(lambda value: json.dumps(value).encode())


@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PATCH", "HEAD", "FOO"]),
    path=_PATHS,
    query=_ANY | st.just(b"maxResults=7&labeled=false&createdBefore=x"),
    headers=_HEADERS,
    body=_BODIES,
)
@settings(deadline=None, max_examples=200)
def test_nothing_that_is_sent_makes_the_server_fail(
    method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Straight at the ASGI application, since no client of HTTP sends such requests."""
    scope = {"type": "http", "method": method, "path": path.decode("latin-1"), "raw_path": path}
    scope |= {"query_string": query, "headers": [(b"host", b"localhost:1"), *headers]}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    messages: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        messages.append(message)

    for gateway in GATEWAYS:
        messages.clear()
        asyncio.run(gateway(scope, receive, send))
        assert messages[0]["status"] < 500 or messages[0]["status"] == 501
        assert dict(messages[0]["headers"])[b"x-amzn-requestid"]


def test_a_page_of_an_engine_calls_operations_with_the_same_checks() -> None:
    engine = Engine({"lookoutvision": Lookout()})
    call = Call("id", "123456789012", "eu-west-1", "page", "lookoutvision", "CreateDataset")

    def run(operation: str, **request: Any) -> dict[str, Any]:
        return asyncio.run(dispatch(engine, "lookoutvision", operation, request, call))

    assert (
        run("CreateDataset", ProjectName="a", DatasetType="train")["DatasetMetadata"]["DatasetType"]
        == "train"
    )
    with pytest.raises(ServiceError, match="DatasetType is required"):
        run("CreateDataset", ProjectName="a", DatasetSource=None)
    with pytest.raises(ServiceError, match="Bogus is not known"):
        run("DescribeProject", ProjectName="a", Bogus=1)
    with pytest.raises(ServiceError) as caught:
        run("DescribeModel", ProjectName="a", ModelVersion="1")
    assert caught.value.code == "ThrottlingException"
    with pytest.raises(KeyError):
        run("DetectAnomaly", ProjectName="a")
    detected = run("DetectAnomalies", ProjectName="a", ModelVersion="1", Body=b"123", ContentType="image/png")
    assert detected["DetectAnomalyResult"]["Confidence"] == 3
