"""The one place where our tools get their AWS clients from."""

from __future__ import annotations

import importlib
import os
from typing import Any

import boto3

EMULATOR = ("AWS_ENDPOINT_URL", "LOCALSTACK_HOST")


def session(region: str | None = None) -> Any:
    """localstack-client's where an emulator is configured: it leads every client there. Else boto3's own.

    Not for posting to ``@connections``: its clients forget an address that they are given.
    """
    if is_emulated():
        return importlib.import_module("localstack_client.session").Session(region_name=region)
    return boto3.Session(region_name=region)


def is_emulated() -> bool:
    return any(os.environ.get(name) for name in EMULATOR)
