"""Signs requests of clients that know nothing of AWS, with the keys of the environment."""

import os
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import get_session


class Signed(requests.auth.AuthBase):
    """What a user's program gives to a client that speaks through `requests`."""

    def __call__(self, request):
        """Add a signature for HealthLake, whose addresses are percent-encoded before they are signed."""
        parts = urlsplit(request.url)
        query = urlencode(parse_qsl(parts.query, keep_blank_values=True), quote_via=quote, safe="")
        request.url = parts._replace(query=query).geturl()
        made = AWSRequest(request.method, request.url, data=request.body or b"")
        region = os.environ["AWS_DEFAULT_REGION"]
        SigV4Auth(get_session().get_credentials(), "healthlake", region).add_auth(made)
        request.headers.update(dict(made.headers))
        return request
