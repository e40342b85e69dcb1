from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from chalicelib import emf
from chalicelib.emf import MOST_QUEUES, Ran
from chalicelib.figures import Depth
from chalicelib.logs import JsonLines

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


def logged(lines: Iterable[dict[str, object]]) -> list[dict[str, Any]]:
    """As they come out on stdout."""
    records = [
        logging.getLogger("a").makeRecord("a", logging.INFO, "f", 1, "metrics", (), None, None, line) for line in lines
    ]
    return [json.loads(JsonLines().format(record)) for record in records]


def standing(depths: dict[str, Depth]) -> list[dict[str, Any]]:
    return logged(emf.standing(AT, "prod", depths, 7))


def check(document: dict[str, Any]) -> None:
    """The structure that the specification asks for."""
    assert isinstance(document["_aws"]["Timestamp"], int)
    assert len(document["_aws"]) == 2
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert {*directive} == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 1_024
        assert directive["Dimensions"]
        for dimension in [name for names in directive["Dimensions"] for name in names]:
            assert 1 <= len(document[dimension]) <= 1_024
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert {*metric} == {"Name", "Unit"}
            assert metric["Unit"] in {"Count", "Seconds"}
            assert isinstance(document[metric["Name"]], int | float)


def test_what_waits_is_told_for_all_and_for_each_queue() -> None:
    everything, a, b = standing({"b": Depth({"QUEUED": 1}, None), "a": Depth({"QUEUED": 2, "RUNNING": 3}, 12.5)})

    for document in (everything, a, b):
        check(document)
        assert document["Stage"] == "prod"
    assert everything["_aws"]["Timestamp"] == 1_767_323_045_678
    assert everything["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage"]]
    assert [everything[name] for name in ("Depth", "OldestAge", "FailedLastMinute")] == [6, 12.5, 7]
    assert a["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage", "Queue"]]
    assert (a["Queue"], a["Depth"], a["OldestAge"]) == ("a", 5, 12.5)
    assert (b["Queue"], b["Depth"], b["OldestAge"]) == ("b", 1, 0)


def test_an_empty_system_is_told_too() -> None:
    (everything,) = standing({})

    check(everything)
    assert (everything["Depth"], everything["OldestAge"]) == (0, 0)


def test_of_very_many_queues_the_deepest_are_told() -> None:
    lines = standing({f"q{n}": Depth({"QUEUED": n}, None) for n in range(MOST_QUEUES + 10)})

    assert len(lines) == MOST_QUEUES + 1
    assert min(line["Depth"] for line in lines[1:]) == 10


def test_a_run_is_told() -> None:
    (line,) = logged([emf.running(AT, "prod", Ran(attempts=9, completed=6, failed=1))])

    check(line)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage"]]
    assert [line[name] for name in ("Stage", "Attempts", "Completed", "Failed")] == ["prod", 9, 6, 1]
