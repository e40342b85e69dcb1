"""The first API key of a stack whose callers need keys."""

from __future__ import annotations

import subprocess
import sys

from chalicelib.callers import Role
from chalicelib.store.database import Database
from chalicelib.store.keys import KeyStore
from infra.local.programs import base_environment
from infra.local.stack import ROOT, Stack


def first_key(stack: Stack) -> str | None:
    """None where an admin has one already."""
    return None if _admin_has_one(stack) else _made(stack)


def _admin_has_one(stack: Stack) -> bool:
    database = Database(stack.database_url)
    try:
        return any(key.role is Role.ADMIN and key.is_valid for key in KeyStore(database).all())
    finally:
        database.close()


def _made(stack: Stack) -> str:
    command = [sys.executable, "-m", "chalicelib.cli", "keys", "bootstrap", "first"]
    environment = base_environment() | stack.settings() | stack.aws_environment()
    made = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return made.stdout.strip()
