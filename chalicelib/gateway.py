"""Send to one WebSocket connection, through API Gateway's ``@connections`` API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import ConnectionGone, GatewayUnavailable

WAIT = timedelta(seconds=2)  # a client that does not take a frame in this time is slow, and others wait for no one


class Gateway:
    """Posts frames. endpoint: a template of ``{api_id}`` and ``{stage}``."""

    def __init__(self, endpoint: str, make_client: Callable[[str], Any]) -> None:
        self._endpoint = endpoint
        self._client = lru_cache(maxsize=16)(make_client)

    def send(self, api_id: str, stage: str, connection_id: str, frame: bytes) -> None:
        """Raises ConnectionGone or GatewayUnavailable."""
        self._call(api_id, stage, "post_to_connection", ConnectionId=connection_id, Data=frame)

    def cut(self, api_id: str, stage: str, connection_id: str) -> None:
        """Close a connection from our side. Raises as ``send``."""
        self._call(api_id, stage, "delete_connection", ConnectionId=connection_id)

    def _call(self, api_id: str, stage: str, operation: str, **arguments: object) -> None:
        try:
            client = self._client(self._endpoint.format(api_id=api_id, stage=stage))
            getattr(client, operation)(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] == "GoneException":
                raise ConnectionGone(arguments["ConnectionId"]) from error
            raise GatewayUnavailable(str(error)) from error
        except BotoCoreError as error:
            raise GatewayUnavailable(str(error)) from error
