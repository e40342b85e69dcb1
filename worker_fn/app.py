"""The worker's Lambda functions: the minute's tick, a run on demand, and what a deployment needs done next to the database."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from chalice.app import Chalice, CloudWatchEvent, Rate

from chalicelib import emf, installation, logs, resources
from chalicelib.errors import StoreUnavailable
from chalicelib.worker import Budget

logs.start_logging()
logger = logging.getLogger(__name__)

app = Chalice(app_name="job-scheduler-worker", configure_logs=False)

SLOTS = 16  # handlers at once in one Lambda
LENGTH = timedelta(
    minutes=14, seconds=40
)  # of the 15 minutes a Lambda may have: what is left is for settling and telling
GRACE = timedelta(seconds=10)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> dict[str, int]:
    """Every minute: fire schedules, keep house, and run whatever is due. What is fired first is run by this very call."""
    resources.ticker().fire()
    _tell_how_it_stands()
    return _run()


@app.lambda_function(name="run")
def run(event: Any, context: Any) -> dict[str, int]:
    """Invoked by a submit that found no living worker."""
    resources.waker().woken()
    return _run()


@app.lambda_function(name="migrate")
def migrate(event: Any, context: Any) -> dict[str, Any]:
    """Invoked by a deployment, which says what it needs: see ``installation.Asked``."""
    done: dict[str, Any] = msgspec.to_builtins(resources.installation().bring_up(installation.asked(event)))
    return done


def _run() -> dict[str, int]:
    ran = resources.engine(SLOTS, shows_life=False).run(Budget(LENGTH, until_empty=True), GRACE)
    logger.info("ran until the queues were empty", extra={"attempts": ran.attempts})
    logger.info("metrics of this run", extra=emf.running(datetime.now(UTC), resources.settings().stage, ran))
    return {"attempts": ran.attempts}


def _tell_how_it_stands() -> None:
    """CloudWatch reads metrics from these lines. Before the run, which may take a quarter of an hour: after it little waits."""
    statistics = resources.statistics()
    try:
        depths, failed = statistics.depths(), statistics.failed_last_minute()
    except StoreUnavailable as error:
        logger.warning("no metrics of this minute", extra={"reason": str(error)})
        return
    for line in emf.standing(datetime.now(UTC), resources.settings().stage, depths, failed):
        logger.info("metrics of this minute", extra=line)
