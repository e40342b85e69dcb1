"""``python -m chalicelib.child``: the process that runs isolated handlers for one worker, one after another."""

from __future__ import annotations

import importlib
import os
import queue
import random
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

import msgspec

from chalicelib import logs
from chalicelib.attempt import Attempt
from chalicelib.children import Ended, Logged, Order, Said
from chalicelib.errors import AttemptStopped
from chalicelib.executor import Executor
from chalicelib.handlers import registry
from chalicelib.joblog import LogEntry
from chalicelib.jobs import Progress


def main(pipe: Connection) -> None:
    """Until the worker closes the pipe, or sends SIGTERM: then the handler that runs is the last one."""
    told_to_stop = threading.Event()

    def stop(*_: object) -> None:
        told_to_stop.set()
        raise AttemptStopped

    logs.start_logging()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to answer
    signal.signal(signal.SIGTERM, stop)
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(pipe, orders), daemon=True).start()
    executor = Executor(registry, random.Random())
    while not told_to_stop.is_set():
        order = orders.get()
        importlib.import_module(order.module)
        attempt = TellingAttempt(order, pipe)
        pipe.send_bytes(msgspec.json.encode(Ended(executor.run(attempt))))


class TellingAttempt(Attempt):
    """Its progress and its log go to the worker."""

    def __init__(self, order: Order, pipe: Connection) -> None:
        super().__init__(order.job, order.settings, held_since=time.monotonic())
        self.began_at = time.monotonic()
        self._pipe = pipe
        self._lock = threading.Lock()  # a handler may have threads of its own

    def progress(self, fraction: float, message: str = "") -> None:
        super().progress(fraction, message)
        news: Progress | None = self.take_news()
        if news is not None:
            self._tell(Said(news))

    def note(self, entry: LogEntry) -> None:
        self._tell(Logged(entry))

    def _tell(self, what: Said | Logged) -> None:
        with self._lock:
            self._pipe.send_bytes(msgspec.json.encode(what))


def _read(pipe: Connection, orders: queue.SimpleQueue[Order]) -> None:
    """A worker that is gone cannot record anything: what runs for it must not go on."""
    try:
        while True:
            orders.put(_decoder.decode(pipe.recv_bytes()))
    except (EOFError, OSError):
        os._exit(0)


_decoder = msgspec.json.Decoder(Order)

if __name__ == "__main__":
    try:
        main(Connection(int(sys.argv[1])))
    except AttemptStopped:
        sys.exit(0)
