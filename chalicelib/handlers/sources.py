"""Where a file's bytes come from: the web, S3, or the payload itself; inflated when they are gzip."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from chalicelib.errors import GiveUp
from chalicelib.handlers.outbound import CHUNK_BYTES, Client, Request, Response
from chalicelib.handlers.registry import JobContext
from chalicelib.handlers.statuses import UnexpectedStatus, is_final
from chalicelib.handlers.targets import Target

GZIP = b"\x1f\x8b"  # no text begins so
WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
S3_SCHEME = "s3://"


class Source:
    """Chunks of a file, counted. length: bytes to come, None when nobody knows."""

    def __init__(self, chunks: Iterator[bytes], length: int | None) -> None:
        self.bytes_read = 0
        self.length = length
        self._chunks = chunks

    @property
    def fraction(self) -> float:
        """How much has been read, 0 when the length is not known."""
        return min(1.0, self.bytes_read / self.length) if self.length else 0.0

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.bytes_read += len(chunk)
            yield chunk


class Plain:
    """A source's bytes without compression, up to a limit."""

    def __init__(self, source: Source, most_bytes: int) -> None:
        self.size = 0
        self._source = source
        self._most_bytes = most_bytes

    def chunks(self) -> Iterator[bytes]:
        """Raises GiveUp beyond the limit, and for damaged gzip."""
        if (self._source.length or 0) > self._most_bytes:
            raise self._too_large()
        for chunk in _inflated(self._source.chunks()):
            self.size += len(chunk)
            if self.size > self._most_bytes:
                raise self._too_large()
            yield chunk

    def _too_large(self) -> GiveUp:
        return GiveUp(f"the file is larger than max_bytes, {self._most_bytes:,}")


@contextmanager
def opened(url: str, context: JobContext) -> Iterator[Source]:
    """url: http, https or s3."""
    with _s3_object(url) if url.startswith(S3_SCHEME) else _download(url, context) as source:
        yield source


def check_url(url: str) -> None:
    """Raises ValueError, in words for the person who wrote it."""
    if not url.startswith(S3_SCHEME):
        Target.parse(url)
    elif not all(_bucket_and_key(url)):
        raise ValueError("an S3 URL is s3://bucket/key")


def of_text(text: str) -> Source:
    encoded = text.encode()
    return Source((encoded[at : at + CHUNK_BYTES] for at in range(0, len(encoded), CHUNK_BYTES)), len(encoded))


@contextmanager
def _download(url: str, context: JobContext) -> Iterator[Source]:
    request = Request(method="GET", target=Target.parse(url))
    seconds = (context.deadline - datetime.now(UTC)).total_seconds()
    with Client.within(context.settings).send(request, seconds=seconds) as response:
        _check(response)
        yield Source(response.chunks(), response.length)


def _check(response: Response) -> None:
    if response.status != 200:
        message = f"{response.target} answered {response.status}"
        raise GiveUp(message) if is_final(response.status) else UnexpectedStatus(message)
    if response.headers.get("content-encoding", "identity").lower() not in {"identity", "gzip", "x-gzip"}:
        raise GiveUp(f"{response.target} sends a content encoding that is not gzip")


@contextmanager
def _s3_object(url: str) -> Iterator[Source]:
    import boto3  # takes a third of a second, which only this branch should pay
    from botocore.config import Config
    from botocore.exceptions import ClientError

    bucket, key = _bucket_and_key(url)
    client = boto3.client("s3", config=Config(connect_timeout=10, read_timeout=30, s3={"addressing_style": "path"}))
    try:
        found = client.get_object(Bucket=bucket, Key=key)
    except ClientError as fault:
        status = fault.response["ResponseMetadata"]["HTTPStatusCode"]
        message = f"{url}: {fault}"
        raise (GiveUp(message) if is_final(status) else UnexpectedStatus(message)) from None
    with closing(found["Body"]) as body:
        yield Source(iter(lambda: body.read(CHUNK_BYTES), b""), found["ContentLength"])


def _bucket_and_key(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix(S3_SCHEME).partition("/")
    return bucket, key


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks, b"")
    if not first.startswith(GZIP):
        yield first
        yield from chunks
        return
    try:
        yield from _members(first, chunks)
    except zlib.error as fault:
        raise GiveUp(f"the file is not valid gzip: {fault}") from None


def _members(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A gzip file is one or more members in a row, perhaps padded with NULs."""
    inflater = zlib.decompressobj(WITH_GZIP_HEADER)
    chunk: bytes | None = first
    while chunk is not None:
        while chunk:
            if inflater.eof:
                inflater = zlib.decompressobj(WITH_GZIP_HEADER)
            yield inflater.decompress(chunk, CHUNK_BYTES)
            chunk = inflater.unused_data.lstrip(b"\0") if inflater.eof else inflater.unconsumed_tail
        chunk = next(chunks, None)
    if not inflater.eof:
        raise GiveUp("the gzip file ends too early")
