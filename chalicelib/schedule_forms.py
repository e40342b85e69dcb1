"""What callers say of schedules. The API's description is made from these types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chalicelib.forms import Form
from chalicelib.patterns import WITHOUT_NUL
from chalicelib.schedules import CATCH_UP, MOST_CATCH_UP, Misfire, Overlap, ScheduleName
from chalicelib.submissions import Submission
from chalicelib.timing import PlannedTime, Timing

MOST_BACKFILLED = 1_000  # times in a call
MOST_PREVIEWED = 100

Count = Annotated[int, Meta(ge=1, le=MOST_PREVIEWED)]


class Definition(Timing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client wants of a schedule: exactly one of cron, interval_seconds and at.

    job: as for a submit, but its time is not its own. catch_up: how many missed times ``run_all`` makes up for.
    """

    job: Submission
    misfire: Misfire = Misfire.RUN_ONCE
    overlap: Overlap = Overlap.ALLOW
    catch_up: Annotated[int, Meta(ge=1, le=MOST_CATCH_UP)] = CATCH_UP
    paused: bool = False


class NamedDefinition(Definition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, where the name is not said elsewhere."""

    name: ScheduleName


class Preview(Timing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question: when would that run? after None: from now on."""

    count: Count = 10
    after: PlannedTime | None = None


class PauseNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a schedule is paused."""

    note: Annotated[str, Meta(max_length=500, pattern=WITHOUT_NUL)] | None = None


class Backfill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A job for each time of a schedule in [from, to) that has none. Times that are to come are left to come.

    limit: times to look at; dry_run: only count them.
    """

    from_: PlannedTime
    to: PlannedTime
    limit: Annotated[int, Meta(ge=1, le=MOST_BACKFILLED)] = MOST_BACKFILLED
    dry_run: bool = False


class Backfilled(msgspec.Struct, frozen=True, kw_only=True):
    """What one call did, or with dry_run would do. next: the ``from`` to go on with; null: it is done."""

    count: int
    next: datetime | None
    dry_run: bool


class PreviewQuery(Form, frozen=True):
    """How far to look ahead."""

    count: Count = 10


class RunsQuery(Form, frozen=True):
    """A list of runs. cursor: as the page before said."""

    limit: Annotated[int, Meta(ge=1, le=1_000, description="At most so many.")] = 100
    cursor: Annotated[int, Meta(ge=0, le=2**53)] | UnsetType = UNSET
