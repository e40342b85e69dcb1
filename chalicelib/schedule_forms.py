"""What callers say of schedules. The API's description is made from these types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chalicelib.forms import Form, PageSize
from chalicelib.patterns import WITHOUT_NUL
from chalicelib.schedules import CATCH_UP, MOST_CATCH_UP, Misfire, Overlap, ScheduleName, State
from chalicelib.store.schedules import ScheduleFilter
from chalicelib.submissions import Name, Submission
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


class SchedulesQuery(Form, frozen=True):
    """A list of schedules, by name. Conditions join."""

    state: Annotated[State, Meta(description="As shown.")] | UnsetType = UNSET
    job_type: Annotated[Name, Meta(description="Whose jobs are of this type.")] | UnsetType = UNSET
    queue: Annotated[Name, Meta(description="Whose jobs go into this queue.")] | UnsetType = UNSET
    cursor: (
        Annotated[ScheduleName, Meta(description="Where the page before ended: schedules after this name.")] | UnsetType
    ) = UNSET
    limit: PageSize = 100

    def chosen(self) -> ScheduleFilter:
        return ScheduleFilter(
            state=self.state or None,
            job_type=self.job_type or None,
            queue=self.queue or None,
            after=self.cursor or None,
            limit=self.limit,
        )


class RunsQuery(Form, frozen=True):
    """A list of runs. cursor: as the page before said."""

    limit: PageSize = 100
    cursor: Annotated[int, Meta(ge=0, le=2**53)] | UnsetType = UNSET
