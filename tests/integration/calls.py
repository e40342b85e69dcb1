"""The API, called as API Gateway calls it: through Chalice's own request handling."""

from __future__ import annotations

import json
from typing import Any

from chalice.test import Client, HTTPResponse


class Api:
    """headers: sent with every call."""

    def __init__(self, client: Client, **headers: str) -> None:
        self._client = client
        self._headers = headers

    def with_key(self, key: str) -> Api:
        return Api(self._client, Authorization=f"Bearer {key}")

    def get(self, path: str, **headers: str) -> HTTPResponse:
        return self._client.http.get(path, headers={**self._headers, **headers})

    def post(self, path: str, body: object = b"", **headers: str) -> HTTPResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self._headers, **headers}
        return self._client.http.post(path, headers=sent, body=raw)

    def call(self, method: str, path: str, body: bytes = b"{}") -> HTTPResponse:
        sent = {"Content-Type": "application/json", **self._headers}
        return self._client.http.request(method, path, headers=sent, body=body)


def problem(response: HTTPResponse) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json_body
    assert document["status"] == response.status_code
    assert {"type", "title", "detail", "code", "request_id"} <= document.keys()
    return document
