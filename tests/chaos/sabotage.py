"""Workers that do it wrong, to prove that a run notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib import queue_scripts, queues
from chalicelib.maintenance import Maintenance
from chalicelib.store import attempts, dependencies
from chalicelib.store.attempts import AttemptStore, Done
from chalicelib.store.dependencies import DependencyStore


def without_fence() -> None:
    """A late worker settles whatever attempt there is now."""
    _replace(attempts, "_OURS", attempts._OURS.replace("AND job.attempt = held.attempt", ""))


def twice() -> None:
    """A job that is finished takes another outcome."""
    whose, _, _ = attempts._OURS.partition("AND job.status")
    _replace(attempts, "_OURS", whose + " AND job.status <> 'QUEUED'")
    complete = AttemptStore.complete

    def complete_again(self: AttemptStore, *held: Any) -> Done:
        complete(self, *held)
        return complete(self, *held)

    _replace(AttemptStore, "complete", complete_again)


def without_sweep() -> None:
    """What a crash between INSERT and enqueue left behind stays there. The patrol would find it too."""
    _replace(Maintenance, "sweep", lambda _: 0)
    _replace(Maintenance, "patrol", lambda _: 0)


def without_slots() -> None:
    """As many of a limited queue start as there are."""
    _replace(queues, "TAKE", queue_scripts.TAKE.replace("slots and slots - redis.call('ZCARD', LEASED) or 1e9", "1e9"))


def too_soon() -> None:
    """Jobs go whenever somebody looks at them."""
    _replace(dependencies, "_has_to_wait", lambda *_: False)


def without_release() -> None:
    """Nobody looks for those that waited for a job that has ended."""
    _replace(DependencyStore, "release", lambda *_: [])


def _replace(owner: object, name: str, wrong: object) -> None:
    """Raises AttributeError when the product has no such thing any more."""
    if getattr(owner, name) == wrong:
        raise ValueError(name)
    setattr(owner, name, wrong)


KINDS: dict[str, Callable[[], None]] = {
    "without-fence": without_fence,
    "twice": twice,
    "without-sweep": without_sweep,
    "without-slots": without_slots,
    "too-soon": too_soon,
    "without-release": without_release,
}
