"""What a deployment would do, and what the stage costs, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from infra.aws import costs, templates
from infra.aws.costs import Line, Options
from infra.aws.stacks import Change, Stack
from infra.aws.stage import Stage

WIDTH = 26


def of_stack(stage: Stage, concern: str, values: Mapping[str, str]) -> Iterator[str]:
    """What would become of it."""
    stack = Stack(stage, concern)
    if stack.is_busy():
        yield f"{stack.name:<{WIDTH}} is being changed: that is waited for"
    elif stack.is_there():
        changes = stack.preview(values)
        yield f"{stack.name:<{WIDTH}} {'changes' if changes else 'stays as it is'}"
        yield from map(_of_change, changes)
    else:
        how = "is made anew, as its creation failed" if stack.is_burnt() else "is made"
        yield f"{stack.name:<{WIDTH}} {how}: up to {sum(templates.kinds(stage.template(concern)).values())} resources"


def _of_change(change: Change) -> str:
    how = (
        "is made anew" if change.replaces else {"Add": "is made", "Remove": "is deleted"}.get(change.action, "changes")
    )
    return f"  {change.name} ({change.kind.removeprefix('AWS::')}) {how}"


def of_costs(options: Options) -> Iterator[str]:
    at_rest, jobs = costs.monthly_at_rest(options), costs.per_million_jobs(options)
    yield f"What it costs, by AWS's list prices for us-east-1 of {costs.AS_OF}; other regions ask more."
    yield from _sum("A month at rest", at_rest)
    yield from _sum("A million jobs beside that", jobs)


def _sum(title: str, lines: Sequence[Line]) -> Iterator[str]:
    unknown = ", and what is not on the list" if any(line.dollars is None for line in lines) else ""
    yield f"{title}: ${costs.total(lines):,.2f}{unknown}"
    for line in lines:
        price = "?" if line.dollars is None else f"${line.dollars:,.2f}"
        yield f"  {line.what:<{WIDTH}} {price:>9}  {line.sum}"


def as_options(value: Mapping[str, str], sizes: Mapping[str, int]) -> Options:
    """What the sums need to know. value: each parameter of the stacks, as it is chosen."""
    return Options(
        database=_one_of(value["Database"]),
        instance_class=value["InstanceClass"],
        storage_gb=float(value["StorageGb"]),
        multi_az=value["MultiAz"] == "true",
        aurora_acus=float(value.get("AuroraMinCapacity", 0.5)),
        proxy=value["Proxy"] != "no",
        cache_node_type=value["CacheNodeType"],
        cache_replicas=int(value["CacheReplicas"]),
        egress="endpoints" if value["Egress"] == "endpoints" else "nat",
        api_memory_gb=sizes["ApiMemory"] / 1024,
        worker_memory_gb=sizes["WorkerMemory"] / 1024,
        **_tasks(value),
    )


def _tasks(value: Mapping[str, str]) -> dict[str, Any]:
    """Where there is an image to run."""
    if not value.get("ImageUri"):
        return {}
    shape = {"task_vcpus": int(value["Cpu"]) / 1024, "task_gb": int(value["Memory"]) / 1024}
    return {"tasks": float(value["MinTasks"]), **shape}


def _one_of(database: str) -> Literal["instance", "aurora"]:
    return "aurora" if database == "aurora" else "instance"
