"""What becomes of the errors that AWS answers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoRegionError

from chalicelib.errors import ConnectionGone, GatewayUnavailable
from chalicelib.gateway import Gateway


class Client:
    """Answers every call with one error."""

    def __init__(self, code: str) -> None:
        self._code = code

    def post_to_connection(self, **arguments: object) -> None:
        raise ClientError({"Error": {"Code": self._code}}, "PostToConnection")


@pytest.mark.parametrize(
    ("code", "error"), [("GoneException", ConnectionGone), ("LimitExceededException", GatewayUnavailable)]
)
def test_a_client_that_left_is_told_from_a_gateway_that_refuses(code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Gateway("http://{api_id}/{stage}", lambda _: Client(code)).send("a", "s", "c", b"frame")


def test_a_gateway_that_cannot_even_be_named_is_unavailable() -> None:
    """A worker without a region must not die of it."""

    def no_client(_: str) -> Any:
        raise NoRegionError

    with pytest.raises(GatewayUnavailable):
        Gateway("http://{api_id}/{stage}", no_client).cut("a", "s", "c")
