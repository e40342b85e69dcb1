"""What a deployment needs done next to the database, where the deployer itself cannot reach.

Each part may be asked for again: what is there already stays.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from chalicelib.callers import Role
from chalicelib.declarations import Applied, Declarations
from chalicelib.errors import InvalidInput
from chalicelib.keyring import Keyring
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore

VISIT = timedelta(minutes=15)  # a smoke test takes one


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do, in this order. Nothing: only look which migrations are missing."""

    migrate: bool = False
    apply_schedules: bool = False  # once no former release fires them, which could not read every rule
    first_key: str = ""  # the name of an admin's key that is made where there is none
    admin_key: str = ""  # the name of one that is made in any case: whoever may call this may have lost the first
    visitor: bool = False  # a key that may submit for a quarter of an hour, to try the deployment with


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The keys are told here and nowhere else."""

    missing: list[str]  # migrations, afterwards
    migrations: list[str] = []
    partitions: list[str] = []
    schedules: Applied | None = None
    first_key: str | None = None
    admin_key: str | None = None
    visitor: str | None = None


class Installation:
    """One stage's database."""

    def __init__(
        self, *, migrations: MigrationStore, partitions: PartitionStore, declarations: Declarations, keyring: Keyring
    ) -> None:
        self._migrations = migrations
        self._partitions = partitions
        self._declarations = declarations
        self._keyring = keyring

    def bring_up(self, asked: Asked) -> Done:
        """Raises StoreUnavailable or BadDeclaration; asking again goes on from there."""
        return Done(
            migrations=self._migrations.apply() if asked.migrate else [],
            partitions=self._partitions.ensure() if asked.migrate else [],
            schedules=self._declarations.apply() if asked.apply_schedules else None,
            first_key=self._first_key(asked.first_key) if asked.first_key else None,
            admin_key=self._admin_key(asked.admin_key) if asked.admin_key else None,
            visitor=self._visitor() if asked.visitor else None,
            missing=self._migrations.missing(),
        )

    def _first_key(self, name: str) -> str | None:
        """None where an admin has one already."""
        if any(key.role is Role.ADMIN and key.is_valid for key in self._keyring.all()):
            return None
        return self._admin_key(name)

    def _admin_key(self, name: str) -> str:
        return self._keyring.create(name=name, role=Role.ADMIN, created_by="deployment")[1]

    def _visitor(self) -> str:
        leaves_at = datetime.now(UTC) + VISIT
        return self._keyring.create(
            name="smoke test", role=Role.OPERATOR, created_by="deployment", expires_at=leaves_at
        )[1]


def asked(event: object) -> Asked:
    """Raises InvalidInput."""
    try:
        return msgspec.convert(event, Asked)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error)) from error
