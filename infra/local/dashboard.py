"""Builds the dashboard and puts it into its bucket."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.local import aws, node
from infra.local.changes import Stamps, digest
from infra.local.emulator import BUCKET
from infra.local.shell import run
from infra.local.stack import ROOT, Stack

FRONTEND = ROOT / "frontend"
DIST = FRONTEND / "dist"
FOREVER = "public, max-age=31536000, immutable"  # names of assets carry a hash of their contents
ALWAYS_ASK = "no-cache"
READ_BY_ALL = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    ],
}


def is_there() -> bool:
    return (FRONTEND / "package.json").exists()


def build(stack: Stack, stamps: Stamps) -> bool:
    """Whether it had to be built."""
    sources = digest([FRONTEND])
    if stamps.matches("dashboard", sources) and (DIST / "index.html").exists():
        return False
    _install(stack, stamps)
    _npm(stack, ["run", "build"])
    stamps.put("dashboard", sources)
    return True


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


def _install(stack: Stack, stamps: Stamps) -> None:
    lock = digest([FRONTEND / "package-lock.json"])
    if not stamps.matches("npm", lock) or not (FRONTEND / "node_modules").is_dir():
        _npm(stack, ["ci", "--no-audit", "--no-fund"])
        stamps.put("npm", lock)


def _npm(stack: Stack, arguments: list[str]) -> None:
    programs = node.directory()
    command = [str(programs / "npm"), *arguments]
    log = stack.log(f"npm-{arguments[-1] if arguments[0] == 'run' else arguments[0]}")
    advice = "Put the cause right and run `make up` again."
    run(command, directory=FRONTEND, environment=node.environment(programs), log=log, advice=advice)


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
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    s3.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes(), ContentType=kind, CacheControl=cache_control(key))
    return 1
