"""Which texts are taken, and the words in which others are refused: nobody should have to read a regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.:-]*\Z"
PRINTABLE = r"^[^\x00-\x1f\x7f]*\Z"
WITHOUT_NUL = r"^[^\x00]*\Z"
VISIBLE_ASCII = r"^[\x21-\x7e]*\Z"
LOG_CURSOR = r"^[0-9]{1,9}-[0-9]{1,9}\Z"
EVENT_ID = r"^[0-9]{1,15}-[0-9]{1,19}\Z"
ID_PREFIX = r"^[0-9A-Fa-f](-?[0-9A-Fa-f]){0,31}-?\Z"

MOMENT_IN_WORDS = "expected a date and time, as in 2026-11-25T09:30:00Z"

_WORDS: Mapping[str, str] = {
    NAME: "expected letters, digits and _ . : - , beginning with a letter or digit",
    PRINTABLE: "expected text without control characters",
    WITHOUT_NUL: "expected text without NUL characters",
    VISIBLE_ASCII: "expected visible ASCII characters, and no spaces",
    LOG_CURSOR: "expected a cursor as the answer before gave it",
    EVENT_ID: "expected the event_id of a frame",
    ID_PREFIX: "expected the first digits of an id: 1 to 32 hexadecimal ones, with or without dashes",
}


def some_of(names: Iterable[str]) -> str:
    """The pattern of a list with commas."""
    name = "|".join(names)
    return rf"^({name})(,({name}))*\Z"


def in_words(reason: str) -> str:
    """What msgspec says of a text. A pattern that is not ours stays."""
    if reason.startswith("Invalid RFC3339 encoded datetime"):
        return MOMENT_IN_WORDS
    pattern = reason.partition("matching regex ")[2]
    for ours, words in _WORDS.items():
        if pattern == repr(ours):
            return words
    names = _SOME_OF.match(pattern)
    return reason if names is None else "expected some of these, with commas between: " + names[1].replace("|", ", ")


_SOME_OF = re.compile(r"'\^\(([a-z_|]+)\)\(,\(\1\)\)\*")
