"""Builds the dashboard and puts it into its bucket.

``python -m infra.local.dashboard`` only installs what it is built with, and makes the types of the API that it is checked with.

The build belongs to the checkout, not to a stack: its stamps lie beside it, and one process at a time is let in.
"""

from __future__ import annotations

import json
import mimetypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.local import aws, node
from infra.local.changes import Stamps, digest, one_at_a_time
from infra.local.names import BUCKET
from infra.local.shell import run
from infra.local.stack import ROOT, Stack
from infra.local.steps import StepFailed, exit_code

FRONTEND = ROOT / "frontend"
DIST = FRONTEND / "dist"
API = [ROOT / "app.py", ROOT / "chalicelib"]  # it is described by these
MADE = [FRONTEND / "openapi.json", FRONTEND / "src" / "api" / "schema.gen.ts"]
FOREVER = "public, max-age=31536000, immutable"  # names of assets carry a hash of their contents
ALWAYS_ASK = "no-cache"
QUIETLY = ["--no-audit", "--no-fund", "--fetch-retries=1"]
ADVICE = "Put the cause right and run `make up` again."
READ_BY_ALL = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    ],
}


def is_there() -> bool:
    return (FRONTEND / "package.json").exists()


def build(logs: Path) -> bool:
    """Whether it had to be built."""
    with one_at_a_time(ROOT, "dashboard"):
        sources = digest([FRONTEND, *API])
        if _stamps().matches("dashboard", sources) and (DIST / "index.html").exists():
            return False
        _prepare(logs)
        _npm(logs, "build", ["run", "build"])
        _stamps().put("dashboard", digest([FRONTEND, *API]))
        return True


def prepare(logs: Path) -> None:
    """Installs what it is built with, and makes what it is built from."""
    with one_at_a_time(ROOT, "dashboard"):
        _prepare(logs)


def upload(stack: Stack, stamps: Stamps) -> int:
    """How many files had to be put."""
    contents = digest([file for file in sorted(DIST.rglob("*")) if file.is_file()])
    s3 = aws.client(stack, "s3")
    if stamps.matches("upload", contents) and _is_there(s3):
        return 0
    _make_bucket(s3)
    count = sum(_put(s3, file) for file in _index_last())
    stamps.put("upload", contents)
    aws.save(stack)
    return count


def cache_control(key: str) -> str:
    return FOREVER if key.startswith("assets/") else ALWAYS_ASK


def content_type(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _prepare(logs: Path) -> None:
    _install(logs)
    api = digest([*API, FRONTEND / "package-lock.json"])
    if not (_stamps().matches("types", api) and all(file.exists() for file in MADE)):
        _describe(logs)
        _npm(logs, "types", ["run", "types"])
        _stamps().put("types", api)


def _describe(logs: Path) -> None:
    """In a process of its own: the app, once imported, takes the logging over."""
    command = [sys.executable, "-m", "infra.local.description", str(MADE[0])]
    run(command, directory=ROOT, environment=dict(os.environ), log=logs / "description.log", advice=ADVICE)


def _install(logs: Path) -> None:
    lock = digest([FRONTEND / "package-lock.json"])
    if not _stamps().matches("npm", lock):
        _npm_ci(logs)
        _stamps().put("npm", lock)


def _npm_ci(logs: Path) -> None:
    """A lock written on one platform may lack the optional packages of others; ``npm ci`` refuses it, ``install`` does not."""
    try:
        _npm(logs, "ci", ["ci", *QUIETLY])
    except StepFailed:
        _npm(logs, "install", ["install", "--no-save", *QUIETLY])


def _stamps() -> Stamps:
    """They go with what they vouch for."""
    return Stamps(FRONTEND / "node_modules" / ".stamps.json")


def _npm(logs: Path, name: str, arguments: list[str]) -> None:
    programs = node.directory()
    command = [str(programs / "npm"), *arguments]
    environment = node.environment(programs)
    run(command, directory=FRONTEND, environment=environment, log=logs / f"npm-{name}.log", advice=ADVICE)


def _is_there(s3: Any) -> bool:
    found = s3.list_buckets()["Buckets"]
    return any(bucket["Name"] == BUCKET for bucket in found) and _has_index(s3)


def _has_index(s3: Any) -> bool:
    return any(item["Key"] == "index.html" for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))


def _make_bucket(s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET)
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(READ_BY_ALL))


def _index_last() -> Iterator[Path]:
    """So that no page names an asset that is not there yet."""
    files = [file for file in sorted(DIST.rglob("*")) if file.is_file()]
    yield from sorted(files, key=lambda file: file == DIST / "index.html")


def _put(s3: Any, file: Path) -> int:
    key = file.relative_to(DIST).as_posix()
    kind = content_type(file.name)
    s3.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes(), ContentType=kind, CacheControl=cache_control(key))
    return 1


def main() -> None:
    if is_there():
        prepare(ROOT / ".local" / "logs")


if __name__ == "__main__":
    sys.exit(exit_code(main))
