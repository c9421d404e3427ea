"""Ready-made normalisers for the volatile parts of requests: dates, ids, temporary folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from typing import TypeAlias

Normalizer: TypeAlias = Callable[[str], str]

_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")

# Dates. Every repetition is bounded, and nothing begins inside a word or number: the time is linear in the text.
# Numbers joined by a sign are no dates on either side of it, so that a second pass finds nothing that the first left.
_BEGIN = r"(?=[0-9ADFJMNOSTW])(?:(?<![^\W_])|(?<=\\[nrt]))(?:(?![0-9])|(?<![0-9][-:./]))"
_END = r"(?![^\W_])(?!(?<=[0-9])[-:./][0-9])"
_GAP = r"\s{1,3}"
_WEEKDAY = r"(?:Mon(?:day)?|Tue(?:s(?:day)?)?|Wed(?:nesday)?|Thu(?:rs?(?:day)?)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_YEAR, _DAY = "[12][0-9]{3}", "(?:0?[1-9]|[12][0-9]|3[01])"
_TWO_DIGIT_MONTH, _TWO_DIGIT_DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_TH = "(?:st|nd|rd|th)?"
_ZONE = (
    r"(?:\s?(?:[Zz]|(?:UTC|GMT)(?:[+-][0-9]{1,2})?|CES?T|EES?T|WES?T|AE[SD]T|[ECMP][SD]T|[BIJ]ST"
    r"|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_HOUR, _MINUTE = "(?:[01]?[0-9]|2[0-3])", "[0-5][0-9]"
_SECOND = r"(?:[0-5][0-9]|60)(?:[.,][0-9]{1,12})?"
_CLOCK = rf"{_HOUR}:{_MINUTE}(?::{_SECOND})?(?:\s?[AaPp](?:[Mm]\b|\.[Mm]\b\.?))?{_ZONE}"
_WRITTEN_DATES = (
    rf"{_YEAR}-{_TWO_DIGIT_MONTH}-{_TWO_DIGIT_DAY}",
    rf"{_YEAR}/{_DAY}/{_DAY}",
    *(rf"{_DAY}{sign}{_DAY}{sign}{_YEAR}" for sign in ("/", "-", r"\.")),
    rf"{_DAY}{_TH}\.?(?:{_GAP}(?:of{_GAP})?|-|/){_MONTH}(?:,?{_GAP}|-|/){_YEAR}",
    rf"{_MONTH}{_GAP}{_DAY}{_TH}(?:,\s{{0,3}}|{_GAP}){_YEAR}",
)
_COMPACT = rf"(?<!-)(?:19|20)[0-9]{{2}}{_TWO_DIGIT_MONTH}{_TWO_DIGIT_DAY}"
_COMPACT_CLOCK = rf"(?:[T_-]?(?:[01][0-9]|2[0-3]){_MINUTE}(?:{_SECOND})?{_ZONE})?"
_OF_UNIX = rf"{_MONTH}{_GAP}{_DAY}{_GAP}{_CLOCK}{_GAP}{_YEAR}"
_DATE = (
    rf"{_BEGIN}(?:"
    rf"(?:{_WEEKDAY}[.,]?{_GAP})?"
    rf"(?:{_OF_UNIX}|{_COMPACT}{_COMPACT_CLOCK}"
    rf"|(?:{'|'.join(_WRITTEN_DATES)})(?:(?:[T:_]|,?{_GAP}(?:at{_GAP})?){_CLOCK}|T(?:[01][0-9]|2[0-3]){_ZONE})?)"
    rf"(?:,?{_GAP}(?:{_WEEKDAY}\b|\({_WEEKDAY}\)))?"
    rf"|(?<!::){_CLOCK}(?:\s?[-\u2013]\s?{_CLOCK})?"
    rf"){_END}"
)

# Temporary folders. A separator may be escaped, as in JSON.
_SEPARATOR = r"[/\\]{1,4}"
_NAME = r"[\w.~+-]{1,80}"
_NAME_ENDS = r"(?![\w-]|\.\w)"
_NUMBERED = rf"\w{{1,80}}(?:[.-]\w{{1,80}}){{0,4}}(?<=[0-9]){_NAME_ENDS}"
_SLASH = r"\\{0,4}/"
_UNIX_FOLDER = (
    rf"(?:{_SLASH}private)?(?:(?:{_SLASH}var)?{_SLASH}tmp"
    rf"|{_SLASH}var{_SLASH}folders{_SLASH}\w{{1,9}}{_SLASH}\w{{1,80}}{_SLASH}T)"
)
_WINDOWS_NAME = r"[^/\\:\"'<>|\s][^/\\:\"'<>|\r\n]{0,63}"
_WINDOWS_FOLDER = rf"[A-Za-z]:(?:{_SEPARATOR}{_WINDOWS_NAME}){{0,8}}?{_SEPARATOR}[Tt](?:emp|EMP|mp|MP)"
_WORKER = rf"(?:{_SEPARATOR}popen-gw[0-9]{{1,4}})?"
_INSIDE = (
    rf"(?:{_SEPARATOR}pytest-of-{_NAME}(?:{_SEPARATOR}pytest-(?:[0-9]{{1,9}}|current))?{_WORKER}"
    rf"(?:{_SEPARATOR}{_NUMBERED})?"
    rf"|{_SEPARATOR}tmp[a-z0-9_]{{8}}(?![\w-])"
    # Below `--basetemp`.
    rf"|(?:{_SEPARATOR}{_NAME})?{_WORKER}{_SEPARATOR}test\w{{0,80}}(?<=[0-9]){_NAME_ENDS}"
    rf"|{_SEPARATOR}{_NUMBERED})?"
)
# Not a part of a longer path.
_PATH_BEGINS = r"(?=[/\\]|[A-Za-z]:)(?:(?<![\w.~\\-])|(?<=\\[nrt]))(?<!<tmp>)"


@cache
def _date() -> re.Pattern[str]:
    return re.compile(_DATE)


# With the folders that a session knows of; each is compiled when it is first used.
@lru_cache(maxsize=8)
def _temporary(folders: tuple[str, ...]) -> re.Pattern[str]:
    known = [_spelled(folder) for folder in folders]
    roots = "|".join([*sorted(known, key=len, reverse=True), _UNIX_FOLDER, _WINDOWS_FOLDER])
    return re.compile(rf"{_PATH_BEGINS}(?:{roots}){_NAME_ENDS}{_INSIDE}")


def _spelled(folder: str) -> str:
    lead = _SEPARATOR if folder[0] in "/\\" else ""
    return lead + _SEPARATOR.join(map(re.escape, _steps(folder)))


def _steps(folder: str) -> list[str]:
    return [step for step in re.split(r"[/\\]", folder) if step]


def dates(text: str) -> str:
    """Replace dates and times, in figures or written out, with their weekdays, by a constant."""
    return _date().sub("<date>", text)


def uuids(text: str) -> str:
    """Replace UUIDs by a constant."""
    return _UUID.sub("<uuid>", text)


def tmp_path(text: str) -> str:
    """Replace pytest's and the system's temporary folders by a constant."""
    return _temporary(()).sub("<tmp>", text)


def tmp_path_below(folders: Sequence[str]) -> Normalizer:
    """Give the normaliser `tmp_path` that knows, besides those by their shape, some folders to be temporary.

    Args:
        folders: Absolute paths; the file system's root is passed over.
    """
    return partial(_without_folders, tuple(dict.fromkeys(folder for folder in folders if _steps(folder))))


def _without_folders(folders: tuple[str, ...], text: str) -> str:
    return _temporary(folders).sub("<tmp>", text)


READY_MADE: dict[str, Normalizer] = {"dates": dates, "uuids": uuids, "tmp_path": tmp_path}
