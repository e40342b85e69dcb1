"""The dashboard's files in their bucket, and CloudFront told of it.

Assets carry a hash of their contents in their names, so they are kept for a year; whatever else there is, is asked for every
time. Assets of former builds stay: pages that are open may still want them.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

from infra.aws.stage import Stage
from infra.local.dashboard import ALWAYS_ASK, DIST, cache_control, content_type


def upload(stage: Stage, bucket: str, built: Path = DIST) -> list[str]:
    """The keys of files that were not there as they are now, the page itself last: it must not name what is not there yet."""
    s3 = stage.client("s3")
    there = _there(s3, bucket)
    files = {file.relative_to(built).as_posix(): file for file in built.rglob("*") if file.is_file()}
    changed = sorted(
        (key for key in files if there.get(key) != _etag(files[key])), key=lambda key: (key == "index.html", key)
    )
    for key in changed:
        _put(s3, bucket, key, files[key])
    return changed


def invalidate(stage: Stage, distribution: str, changed: list[str]) -> int:
    """How many addresses CloudFront was told to ask for again: those whose content may change."""
    paths = [f"/{key}" for key in changed if cache_control(key) == ALWAYS_ASK]
    if "/index.html" in paths:
        paths.append("/")
    if paths:
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": f"deploy-{time.time_ns()}"}
        stage.client("cloudfront").create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    return len(paths)


def empty(stage: Stage, bucket: str) -> int:
    """How many files were in it."""
    s3 = stage.client("s3")
    keys = list(_there(s3, bucket))
    for start in range(0, len(keys), 1000):
        objects = [{"Key": key} for key in keys[start : start + 1000]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    return len(keys)


def _there(s3: Any, bucket: str) -> dict[str, str]:
    """Keys, and the MD5 of what they hold: files of this size are put in one piece, and the bucket keeps its own keys."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", [])}


def _put(s3: Any, bucket: str, key: str, file: Path) -> None:
    kind = content_type(file.name)
    s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), ContentType=kind, CacheControl=cache_control(key))


def _etag(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
