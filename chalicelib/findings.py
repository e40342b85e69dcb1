"""What ``doctor`` found: values, and how people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

SAMPLES = 5


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # nothing is lost or late yet, or it could not be looked at
    ERROR = "error"  # a promise is broken, or will be


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. count: how many are wrong; samples: a few of them."""

    check: str
    severity: Severity
    found: str
    count: int = 0
    samples: list[str] = []
    advice: str = ""
    repairable: bool = False  # whether --repair mends it


class Diagnosis(msgspec.Struct, frozen=True):
    """A finding, and the cure that is safe at any time. mend: returns what it did."""

    finding: Finding
    mend: Callable[[], str] | None = None


class Report(msgspec.Struct, frozen=True):
    """All findings of one examination. repairs: what was done before it."""

    findings: list[Finding]
    repairs: list[str] = []

    @property
    def is_healthy(self) -> bool:
        return self.worst is Severity.OK

    @property
    def worst(self) -> Severity:
        found = {finding.severity for finding in self.findings}
        return next((each for each in (Severity.ERROR, Severity.WARNING) if each in found), Severity.OK)

    def named(self, check: str) -> Finding:
        """Raises KeyError when nothing of that name was looked at."""
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise KeyError(check)


class Tally:
    """Counts, and remembers a few."""

    def __init__(self) -> None:
        self.count = 0
        self.samples: list[str] = []

    def add(self, sample: object) -> None:
        self.count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(str(sample))


def fine(check: str, found: str) -> Diagnosis:
    return Diagnosis(Finding(check=check, severity=Severity.OK, found=found))


def counted(
    check: str, severity: Severity, tally: Tally, what: str, advice: str, mend: Callable[[], str] | None = None
) -> Diagnosis:
    """what: said of the count. None counted: fine."""
    if not tally.count:
        return fine(check, "none")
    finding = Finding(
        check=check,
        severity=severity,
        found=f"{tally.count:,} {what}",
        count=tally.count,
        samples=tally.samples,
        advice=advice,
        repairable=mend is not None,
    )
    return Diagnosis(finding, mend)


def as_text(report: Report) -> str:
    """Aligned lines for people."""
    lines = [f"repaired  {repair}" for repair in report.repairs]
    width = max(len(finding.check) for finding in report.findings)
    for finding in report.findings:
        lines += _lines(finding, width)
    return "\n".join([*lines, _summary(report)]) + "\n"


def _lines(finding: Finding, width: int) -> Iterator[str]:
    margin = " " * (8 + width + 4)
    yield f"{finding.severity:<8}  {finding.check:<{width}}  {finding.found}"
    if finding.samples:
        more = ", …" if finding.count > len(finding.samples) else ""
        yield margin + ", ".join(finding.samples) + more
    if finding.advice:
        yield f"{margin}→ {finding.advice}{' (--repair does it)' if finding.repairable else ''}"


def _summary(report: Report) -> str:
    if report.is_healthy:
        return "healthy"
    counts = [(each, sum(f.severity is each for f in report.findings)) for each in (Severity.ERROR, Severity.WARNING)]
    return ", ".join(f"{count} {each}{'s' if count > 1 else ''}" for each, count in counts if count)
