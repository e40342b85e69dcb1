"""Send to one WebSocket connection, through API Gateway's ``@connections`` API.

The calls are signed by botocore and made by urllib3: boto3's own client takes four times as much of the processor for each, and
a broadcaster makes thousands a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import urllib3
from boto3.session import Session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError, NoRegionError
from botocore.httpsession import get_cert_path

from chalicelib.errors import ConnectionGone, GatewayUnavailable

WAIT = timedelta(seconds=2)  # a client that does not take a frame in this time is slow, and others wait for no one
MOST_SOCKETS = 80  # kept open: one for each thread that sends
REASON_CHARACTERS = 200


class _Place(NamedTuple):
    """Where a stage's connections are."""

    origin: str
    path: str
    pool: urllib3.HTTPConnectionPool


class Gateway:
    """Posts frames. endpoint: a template of ``{api_id}`` and ``{stage}``."""

    def __init__(self, endpoint: str, make_session: Callable[[], Session]) -> None:
        self._endpoint = endpoint
        self._session = lru_cache(maxsize=1)(make_session)
        self._place = lru_cache(maxsize=16)(_place)

    def send(self, api_id: str, stage: str, connection_id: str, frame: bytes) -> None:
        """Raises ConnectionGone or GatewayUnavailable."""
        self._call("POST", api_id, stage, connection_id, frame)

    def cut(self, api_id: str, stage: str, connection_id: str) -> None:
        """Close a connection from our side. Raises as ``send``."""
        self._call("DELETE", api_id, stage, connection_id, b"")

    def _call(self, method: str, api_id: str, stage: str, connection_id: str, body: bytes) -> None:
        try:
            place = self._place(self._endpoint.format(api_id=api_id, stage=stage))
            path = f"{place.path}/@connections/{quote(connection_id, safe='')}"
            headers = self._signed(method, place.origin + path, body)
            answer = place.pool.urlopen(method, path, body, headers, retries=False, redirect=False)
        except (BotoCoreError, urllib3.exceptions.HTTPError) as error:
            raise GatewayUnavailable(str(error)) from error
        if answer.status == HTTPStatus.GONE:
            raise ConnectionGone(connection_id)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise GatewayUnavailable(f"{answer.status} {answer.data.decode(errors='replace')[:REASON_CHARACTERS]}")

    def _signed(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers."""
        session = self._session()
        credentials = session.get_credentials()
        if session.region_name is None:
            raise NoRegionError
        if credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method, url, data=body)
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", session.region_name).add_auth(request)
        return dict(request.headers.items())


def _place(endpoint: str) -> _Place:
    wait = WAIT.total_seconds()
    options = {"ca_certs": get_cert_path(True)} if endpoint.startswith("https:") else {}  # noqa: FBT003 (botocore's own)
    pool = urllib3.connection_from_url(endpoint, maxsize=MOST_SOCKETS, timeout=wait, **options)
    where = urlsplit(endpoint)
    return _Place(f"{where.scheme}://{where.netloc}", where.path.rstrip("/"), pool)
