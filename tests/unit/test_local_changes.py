from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.changes import Stamps, digest


def test_a_digest_changes_with_contents_and_names_below(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    first = digest([tmp_path])

    (tmp_path / "src" / "a.py").write_text("2")
    second = digest([tmp_path])
    (tmp_path / "src" / "a.py").rename(tmp_path / "src" / "b.py")

    assert len({first, second, digest([tmp_path])}) == 3


@pytest.mark.parametrize("name", ["__pycache__", "node_modules", "dist"])
def test_what_is_made_does_not_count(tmp_path: Path, name: str) -> None:
    before = digest([tmp_path])
    (tmp_path / name).mkdir()
    (tmp_path / name / "made").write_text("made")

    assert digest([tmp_path]) == before


def test_a_missing_path_counts_as_empty(tmp_path: Path) -> None:
    assert digest([tmp_path / "nowhere"]) == digest([])


def test_stamps_are_kept_by_name(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "stamps.json"
    Stamps(file).put("api", "1")
    Stamps(file).put("worker", "2")

    assert Stamps(file).matches("api", "1")
    assert Stamps(file).matches("worker", "2")
    assert not Stamps(file).matches("api", "2")
