"""This project's worker, with the bench's handlers registered before it starts."""

from __future__ import annotations

import sys

from tests.bench.peers.ours import jobs  # noqa: F401 (registers)
from worker_fn.__main__ import main

sys.exit(main(sys.argv[1:]))
