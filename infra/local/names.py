"""What parts of the local stack call each other. Nothing is imported here: each container has only what it needs."""

from __future__ import annotations

STAGE = "local"
API_NAME = "job-scheduler"  # as in .chalice/config.json
BUCKET = "job-scheduler-dashboard"
SAVE = "/_local/save"  # of the emulator's launcher
