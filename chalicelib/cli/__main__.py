from __future__ import annotations

import io
import sys

from chalicelib.cli import main as status_of


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 gets escapes, not a traceback
    sys.exit(status_of(sys.argv[1:]))


if __name__ == "__main__":
    main()
