"""What watching costs: processor time of a broadcaster for each event, each connection and each frame, without an emulator.

    python -m tests.bench.live_cost

A broadcaster in a process of its own, a Valkey, and a gateway that takes every frame at once. The broadcaster's own time
(``time.process_time``) is divided by what it did.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

import boto3
import msgspec
import psutil
import redis

from chalicelib.broadcaster import Broadcaster
from chalicelib.connections import SHARDS, Connections
from chalicelib.events import Subscription
from chalicelib.gateway import Gateway
from chalicelib.jobs import Job
from chalicelib.leadership import Leadership
from chalicelib.redis_link import Batch
from chalicelib.stream import EventStream
from infra.local.services import databases
from tests.unit.test_jobs import a_row

SECONDS = 8
EVENTS = 5_000  # a second
ENTRY = 50


class Case(msgspec.Struct, frozen=True):
    """connections: how many; queues: over how many queues they are spread, 0: each watches everything."""

    connections: int
    queues: int
    events: int


CASES = (
    Case(0, 1, 0),
    Case(1_000, 100, 0),
    Case(1, 0, EVENTS),
    Case(100, 100, EVENTS),
    Case(1_000, 100, EVENTS),
    Case(1_000, 1_000, EVENTS),
    Case(10, 0, EVENTS),
)


class Cost(msgspec.Struct, frozen=True):
    """seconds: the broadcaster's processor time; rss_mb: its memory at the end."""

    seconds: float
    frames: int
    rss_mb: float


def main() -> None:
    with databases() as addresses, hollow_gateway() as (port, frames):
        client = redis.Redis.from_url(addresses.redis_url)
        sys.stdout.write("connections  queues  events/s   CPU s/s  frames/s   us/event  us/frame   MB\n")
        for case in CASES:
            show(case, measure(case, client, addresses.redis_url, port, frames))


def show(case: Case, cost: Cost) -> None:
    frames, share = cost.frames / SECONDS, cost.seconds / SECONDS
    sys.stdout.write(
        f"{case.connections:11,}  {case.queues or 'all':>6}  {case.events:8,}  {share:8.3f}  {frames:8.0f}"
        f"  {share / (case.events or 1) * 1e6:9.1f}  {share / (frames or 1) * 1e6:8.0f}  {cost.rss_mb:4.0f}\n"
    )
    sys.stdout.flush()


def measure(case: Case, client: redis.Redis, redis_url: str, port: int, frames: Pipe) -> Cost:
    client.flushall()
    register(case, Connections(client))
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=broadcast, args=(redis_url, port, theirs))
    process.start()
    ours.recv()  # it leads, and has read the registry
    asked(frames)
    ours.send("begin")
    offer(case, client)
    ours.send("end")
    seconds, rss_mb = ours.recv()
    process.join()
    return Cost(seconds, asked(frames), rss_mb)


def register(case: Case, connections: Connections) -> None:
    for number in range(case.connections):
        connections.add(f"c{number}", "api", "stage")
        found = connections.find(f"c{number}")
        queues = [f"q{number % case.queues}"] if case.queues else None
        if found is not None:
            connections.subscribe(found, Subscription(batch=True, queues=queues))


def offer(case: Case, client: redis.Redis) -> None:
    """Three versions of each job, at an even rate."""
    stream, began = EventStream(client), time.monotonic()
    sent = 0
    while time.monotonic() < began + SECONDS:
        due = int((time.monotonic() - began) * case.events)
        while sent + ENTRY <= due:
            batch = Batch(client)
            stream.append(jobs(sent, case), batch)
            batch.send()
            sent += ENTRY
        time.sleep(0.002)


def jobs(first: int, case: Case) -> Iterator[Job]:
    for number in range(first, first + ENTRY):
        row = a_row()
        yield msgspec.structs.replace(row, queue=f"q{number % (case.queues or 100)}", version=1 + number % 3)


def broadcast(redis_url: str, port: int, pipe: Pipe) -> None:
    """The process that is measured."""
    client = redis.Redis.from_url(redis_url)
    session = boto3.Session("id", "secret", region_name="us-east-1")
    broadcaster = Broadcaster(
        name="bench",
        stream=EventStream(client),
        leadership=Leadership(client, SHARDS),
        connections=Connections(client),
        gateway=Gateway(f"http://127.0.0.1:{port}/{{api_id}}/{{stage}}", lambda: session),
        overview=lambda: b"{}",
    )
    stopped = threading.Event()
    thread = threading.Thread(target=broadcaster.run, args=(stopped,))
    thread.start()
    time.sleep(2)
    pipe.send("ready")
    pipe.recv()
    began = time.process_time()
    pipe.recv()
    pipe.send((time.process_time() - began, memory_mb()))
    stopped.set()
    thread.join()


def memory_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


@contextmanager
def hollow_gateway() -> Iterator[tuple[int, Pipe]]:
    """Takes every frame at once, and tells how many since it was asked last."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        process.terminate()


def asked(frames: Pipe) -> int:
    frames.send("count")
    return int(frames.recv())


def serve(pipe: Pipe) -> None:
    asyncio.run(_serve(pipe))


async def _serve(pipe: Pipe) -> None:
    count = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while head := await head_of(reader):
            await reader.readexactly(length_in(head))
            count += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    while True:
        while pipe.poll():
            pipe.recv()
            pipe.send(count)
            count = 0
        await asyncio.sleep(0.01)


async def head_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def length_in(head: bytes) -> int:
    lines = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lines[0].partition(b":")[2]) if lines else 0


if __name__ == "__main__":
    main()
