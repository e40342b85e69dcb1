"""Writes the API's own description, from which the dashboard's types are made: ``python -m infra.local.description FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from app import routes
from chalicelib import openapi
from chalicelib.handlers import registry


def main(file: Path) -> None:
    described = openapi.document(routes.table, registry)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(described, order="deterministic")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
