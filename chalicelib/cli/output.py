"""What is said, and to whom: people read a terminal or a pipe, programs read one JSON document on standard output.

Job data comes from strangers. It is shown as text: neither rich's markup nor a terminal's escape sequences in it mean anything.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Sequence

import msgspec
from rich.console import Console, RenderableType
from rich.highlighter import JSONHighlighter
from rich.text import Text

BROKEN_PIPE = 128 + 13  # what a shell says of a program that SIGPIPE ended
PIPED_WIDTH = 10_000  # nothing is wrapped or cut for a program that reads lines
NARROWEST = 36 + 2 + 9  # an id and a status; a narrower terminal wraps by itself
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode's controls, direction marks, halves of pairs and line ends

STATUS_STYLES = {
    "BLOCKED": "dim",
    "SCHEDULED": "magenta",
    "QUEUED": "blue",
    "RETRYING": "yellow",
    "RUNNING": "cyan",
    "COMPLETED": "green",
    "FAILED": "bold red",
    "CANCELLED": "dim yellow",
}


class Terminal(Console):
    """A rich console on which text is text."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)
        if not self.is_terminal:
            self.width = PIPED_WIDTH
        elif self.width < NARROWEST:
            self.width = NARROWEST

    def on_broken_pipe(self) -> None:
        """Whoever read this has left, as ``head`` does: end as other programs do."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE)


class Output:
    """One command's standard output and standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Terminal()
        self.err = Terminal(stderr=True)

    @property
    def progress(self) -> Terminal:
        """Where it is told how things go on."""
        return self.err if self.as_json else self.out

    def document(self, value: object) -> None:
        """The one JSON document. value: anything that msgspec can encode; Raw goes out as it came in."""
        encoded = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        try:
            sys.stdout.write(_harmless(encoded) + "\n")  # megabytes; rich takes seconds to lay them out
            sys.stdout.flush()
        except BrokenPipeError:
            self.out.on_broken_pipe()

    def show(self, renderable: RenderableType) -> None:
        self.out.print(renderable)

    def line(self, text: str | Text) -> None:
        """One line for people or pipes, never wrapped by us."""
        self.out.print(_text(text), soft_wrap=True)

    def note(self, text: str | Text) -> None:
        """Beside the point: standard error."""
        self.err.print(_text(text), soft_wrap=True)


def plain(value: object) -> str:
    """As text in which nothing is left for a terminal to obey; line feeds stay."""
    return "".join(map(_visible, str(value)))


def one_line(value: object) -> str:
    return " ".join(plain(value).split())


def pretty(value: msgspec.Raw, *, most_lines: int | None = None) -> Text:
    """JSON for people. most_lines: the rest is only counted."""
    lines = _harmless(msgspec.json.format(bytes(value), indent=2).decode()).split("\n")
    shown = lines if most_lines is None else lines[:most_lines]
    text = JSONHighlighter()(Text("\n".join(shown)))
    if len(shown) < len(lines):
        text.append(f"\n… {len(lines) - len(shown):,} more lines; --json shows all", "dim")
    return text


def status_text(status: str) -> Text:
    return Text(plain(status), STATUS_STYLES.get(status, ""))


def joined(parts: Sequence[str | Text], separator: str = "  ") -> Text:
    return Text(separator).join([_text(part) for part in parts])


def _text(value: str | Text) -> Text:
    return value if isinstance(value, Text) else Text(plain(value))


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in INVISIBLE:
        return character
    return character.encode("unicode_escape").decode()


def _harmless(encoded: str) -> str:
    """JSON escapes C0 controls by itself; here go the others, which stand in strings only and mean the same escaped."""
    return re.sub(r"[^\n -~]", lambda found: _escaped(found[0]), encoded)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in INVISIBLE:
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
