from __future__ import annotations

import pytest

from chalicelib import resources, wire


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        ({"STAGE": "local"}, "*"),
        ({"STAGE": "prod"}, None),
        ({}, None),
        ({"STAGE": "prod", "DASHBOARD_ORIGIN": "https://jobs.example.com"}, "https://jobs.example.com"),
    ],
)
def test_pages_from_elsewhere_may_call_only_where_a_stage_says_so(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], allowed: str | None
) -> None:
    for name in ("STAGE", "DASHBOARD_ORIGIN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    config = wire.cors(resources.dashboard_origin())

    told = None if config is None else config.get_access_control_headers()["Access-Control-Allow-Origin"]
    assert told == allowed
