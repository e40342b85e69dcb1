"""Which tests share a process, where several run them (`pytest -n`): those of one stack, else those of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

STACKS = "whole_stack", "guarded_stack"  # fixtures that take half a minute to start; the one with most tests first


@pytest.hookimpl(wrapper=True)  # xdist reads the marks in the first of the hooks that are not
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """The longest first, so that none is left to one process at the end."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_rank)
    yield


def _group(item: pytest.Item) -> str:
    return _stack(item) or str(item.path)


def _rank(item: pytest.Item) -> int:
    stack = _stack(item)
    return STACKS.index(stack) if stack else len(STACKS)


def _stack(item: pytest.Item) -> str | None:
    return next((stack for stack in STACKS if stack in getattr(item, "fixturenames", [])), None)
