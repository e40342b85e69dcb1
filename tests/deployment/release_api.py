"""The API of whatever release PYTHONPATH leads to, as API Gateway would call it: one JSON object a line in, one a line out.

It is started by path, imports nothing of the tests, and asks of a release only what all of them have: an app with routes,
``connect`` and ``message``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

ANSWERS, sys.stdout = sys.stdout, sys.stderr  # an app logs to whatever standard output is when it is imported

import app  # noqa: E402


def main() -> None:
    for line in sys.stdin:
        ANSWERS.write(json.dumps(answer(**json.loads(line))) + "\n")
        ANSWERS.flush()


def answer(call: str, **asked: Any) -> Any:
    calls: dict[str, Callable[..., Any]] = {"connect": connect, "ping": ping, "post": post}
    return calls[call](**asked)


def connect(connection_id: str) -> Any:
    return app.connect({"requestContext": socket("CONNECT", connection_id), "queryStringParameters": None}, None)


def ping(connection_id: str) -> Any:
    return app.message({"requestContext": socket("MESSAGE", connection_id), "body": '{"action":"ping"}'}, None)


def socket(event: str, connection_id: str) -> dict[str, str]:
    named = {"eventType": event, "connectionId": connection_id, "requestId": "side-by-side"}
    return {**named, "apiId": "api", "stage": "stage", "domainName": "localhost"}


def post(path: str, body: object) -> Any:
    headers = {"content-type": "application/json"}
    answer = app.app(
        {
            "requestContext": {
                "resourcePath": path,
                "httpMethod": "POST",
                "path": f"/api{path}",
                "requestId": "side-by-side",
                "identity": {"sourceIp": "127.0.0.1"},
            },
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "pathParameters": {},
            "stageVariables": {},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "body": json.dumps(body),
            "isBase64Encoded": False,
        },
        None,
    )
    return {"status": answer["statusCode"], "body": json.loads(answer["body"])}


if __name__ == "__main__":
    main()
