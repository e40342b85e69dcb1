"""The worker's Lambda functions: the minute's tick and a run on demand."""

from __future__ import annotations

from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate

app = Chalice(app_name="job-scheduler-worker")


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> dict[str, int]:
    print("tick")
    return {"attempts": 0}


@app.lambda_function(name="run")
def run(event: Any, context: Any) -> dict[str, int]:
    print("run")
    return {"attempts": 0}
