"""A login that Secrets Manager keeps: read once, and again when somebody was turned away with it.

So a password may be changed at any time, and nothing has to be deployed for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import SecretUnavailable

REST_SECONDS = 5.0  # between two looks: while a password is being changed, each of many connections would look at once

Login = Mapping[str, str]


class Secret:
    """One secret whose value is JSON. For any number of threads."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        """fetch: asks Secrets Manager for the text. It may take as long as whoever waits for the login can."""
        self._fetch = fetch
        self._login: Login | None = None
        self._looked_at = 0.0
        self._turn = threading.Lock()

    def login(self) -> Login:
        """Raises SecretUnavailable."""
        with self._turn:
            return self._login or self._look()

    def has_changed(self, refused: Login) -> bool:
        """Whether there is another login than the one that was refused. Raises SecretUnavailable."""
        with self._turn:
            if self._login == refused and time.monotonic() - self._looked_at >= REST_SECONDS:
                self._look()
            return self._login != refused

    def _look(self) -> Login:
        self._looked_at = time.monotonic()
        try:
            self._login = msgspec.convert(msgspec.json.decode(self._fetch()), dict[str, str], strict=False)
        except (BotoCoreError, ClientError, msgspec.MsgspecError) as error:
            raise SecretUnavailable(str(error)) from error
        return self._login
