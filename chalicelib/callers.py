"""Who calls, what they may do, and what is written down of what they did."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from chalicelib.errors import Forbidden

NAMED = 20  # ids in the audit


class Role(StrEnum):
    """What a caller may do: each role may also do what those before it may."""

    VIEWER = "viewer"  # read
    OPERATOR = "operator"  # submit, cancel, revive, pause
    ADMIN = "admin"  # keys, settings, the audit

    def includes(self, other: Role) -> bool:
        return _RANKS[self] >= _RANKS[other]


_RANKS = {role: rank for rank, role in enumerate(Role)}


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose key was checked. id: the key's; its own word where no key is needed."""

    id: str
    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Raises Forbidden."""
        if not self.role.includes(role):
            raise Forbidden(role, self.role)

    @property
    def sees_tracebacks(self) -> bool:
        return self.role.includes(Role.OPERATOR)


ANYONE = Caller(id="anyone", name="anyone", role=Role.VIEWER)  # on routes that are open to all
LOCAL = Caller(id="local", name="local", role=Role.ADMIN)  # where API_AUTH=off


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One call that changes something, for the audit. detail: what the path does not tell, without payloads and secrets."""

    id: UUID
    caller: Caller
    action: str
    target: str
    request_id: str
    detail: dict[str, object] = {}

    def naming(self, **ids: Sequence[UUID]) -> Deed:
        """With the jobs it was about; of many the first ones, of none nothing."""
        named = {what: [str(job_id) for job_id in some[:NAMED]] for what, some in ids.items() if some}
        return msgspec.structs.replace(self, detail={**self.detail, **named})
