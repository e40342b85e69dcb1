"""The one place where our tools get their AWS clients from."""

from __future__ import annotations

import importlib
import os
from typing import Any

import boto3
from botocore.credentials import Credentials

EMULATOR = ("AWS_ENDPOINT_URL", "LOCALSTACK_HOST")


def session(region: str | None = None) -> Any:
    """localstack-client's where an emulator is configured: it leads every client there. Else boto3's own.

    Not for posting to ``@connections``: its clients forget an address that they are given.
    """
    own = boto3.Session(region_name=region)
    if not is_emulated():
        return own
    keys = own.get_credentials() or Credentials(
        "test", "test"
    )  # emulators heed them where they enforce who may do what
    emulated = importlib.import_module("localstack_client.session").Session
    known = {
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret_key,
        "region_name": own.region_name,
    }
    return emulated(**known)


def region() -> str:
    """From AWS's usual places; empty where none has one. boto3 itself knows nothing of AWS_REGION, which other tools heed."""
    return os.environ.get("AWS_REGION") or boto3.Session().region_name or ""


def is_emulated() -> bool:
    return any(os.environ.get(name) for name in EMULATOR)
