"""Scenarios as text, for the command line and markers: `"429x2, 529, ok"`, `"cut@7"`."""

from __future__ import annotations

import re
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Fault, Injection, Scenario, Schedule
from llmreplay.faults.catalogue import CATALOGUE, Entry, entry_for_status, entry_named
from llmreplay.faults.schedule import after, always, first, nth
from llmreplay.faults.statuses import Status

MOST_ATTEMPTS = 1000

_TIMES = re.compile(r"\s*x\s*(\d+|\*)$")
_FAULT = re.compile(r"(?P<name>\d+|[A-Za-z_]+)(?:@(?P<place>[^()\s]+))?(?:\s*\((?P<arguments>.*)\))?", re.DOTALL)
_PLACE_BY_NAME = re.compile(r"(?P<event>[A-Za-z_\[][^:]*)(?::(?P<n>\d+))?")
_INTEGER = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+\.\d+")
_INTEGERS = re.compile(r"\d+(?:/\d+)+")
_WORDS = {"true": True, "false": False}

_FORMS = f"""
  Write consecutive attempts, separated by commas:
    429x2, 529, ok    two answers 429, one 529, then untouched
    529x*             every attempt from here on
    429@30            retry-after: 30
    418               any status
    cut@7             after 7 events; cut@content_block_delta:2 after the second of a name
    cut(events=7, end=clean)   further arguments by name
    delay@5+cut@3     several faults on one attempt
  Faults: {", ".join(entry.name for entry in CATALOGUE)}."""


def scenario_from_text(text: str) -> Scenario:
    """Read a scenario: consecutive attempts and what is to happen to each; after the last, nothing.

    Raises:
        SettingError: The text is none; names the place and lists the forms.
    """
    if not isinstance(text, str) or not text.strip():
        _refuse(text, "it is empty. For no fault at all write 'ok'.")
    entries = _split(text, ",", text)
    injections: list[Injection] = []
    attempt = 1
    for number, entry in enumerate(entries, 1):
        if not entry:
            _refuse(text, f"nothing stands between two commas, at entry {number}.")
        group, count = _group_and_count(text, entry)
        if count is None and number < len(entries):
            _refuse(text, f"{entry!r} is for all attempts to come, so nothing can follow it.")
        schedule = _schedule(attempt, count)
        injections += [Injection(fault, schedule) for fault in _faults_in(text, group)]
        attempt += count or 0
        if attempt > MOST_ATTEMPTS + 1:
            _refuse(text, f"{entry!r} goes beyond {MOST_ATTEMPTS} attempts. Write x* for all to come.")
    return Scenario(tuple(injections))


def _refuse(text: object, why: str) -> NoReturn:
    raise SettingError(f"scenario {text!r}: {why}{_FORMS}")


def _schedule(attempt: int, count: int | None) -> Schedule:
    if count is None:
        return always if attempt == 1 else after(attempt - 1)
    # A count that is far too high must not make a long tuple before it is refused.
    count = min(count, MOST_ATTEMPTS)
    return first(count) if attempt == 1 else nth(*range(attempt, attempt + count))


def _group_and_count(text: str, entry: str) -> tuple[str, int | None]:
    """Part an entry from its `x2`; the count is None for `x*`."""
    found = _TIMES.search(entry)
    if found is None:
        return entry, 1
    group, times = entry[: found.start()], found.group(1)
    if not group:
        _refuse(text, f"{entry!r} says how often, but not what.")
    if times == "*":
        return group, None
    if not int(times[:9]) >= 1 or len(times) > 9:
        _refuse(text, f"{entry!r}: a count is 1 to {MOST_ATTEMPTS}, or * for all to come.")
    return group, int(times)


def _faults_in(text: str, group: str) -> list[Fault]:
    parts = _split(group, "+", text)
    if parts == ["ok"]:
        return []
    return [_fault(text, part) for part in parts]


def _fault(text: str, part: str) -> Fault:
    if part == "ok":
        _refuse(text, "'ok' is an attempt without faults, so no fault can be added to it.")
    found = _FAULT.fullmatch(part)
    if found is None:
        _refuse(text, f"{part!r} cannot be read.")
    name, place, arguments = found.group("name", "place", "arguments")
    entry, given = _entry_and_code(text, name)
    if place is not None:
        given |= _arguments_of_place(text, part, entry, place)
    for argument in _split(arguments, ",", text) if arguments else []:
        key, equals, value = (piece.strip() for piece in argument.partition("="))
        allowed = [field.name for field in fields(cast(Any, entry.make))]
        if not equals or not value or key not in allowed:
            hint = ", ".join(f"{allowed_name}=..." for allowed_name in allowed) or "it takes none"
            _refuse(text, f"{part!r}: {argument!r} is no argument of {name}; choose from {hint}.")
        if key in given:
            _refuse(text, f"{part!r} sets {key} twice.")
        given[key] = _value(value)
    try:
        return entry.make(**given)
    except SettingError as error:
        _refuse(text, f"{part!r}: {error}")
    except TypeError:
        _refuse(text, f"{part!r} lacks a value: {name}@...")


def _entry_and_code(text: str, name: str) -> tuple[Entry, dict[str, object]]:
    if not name.isdigit():
        entry = entry_named(name)
        if entry is None:
            known = [spelling for entry in CATALOGUE for spelling in (entry.name, entry.make.__name__)]
            near = get_close_matches(name, known, n=1)
            _refuse(text, f"{name!r} is no fault.{f' Did you mean {near[0]!r}?' if near else ''}")
        return entry, {}
    code = int(name) if len(name) == 3 else 0
    if not 200 <= code <= 599:
        _refuse(text, f"{name!r} is no status: it must be 200 to 599.")
    entry = entry_for_status(code)
    return (entry, {}) if entry else (_STATUS_WITH_ADVICE, {"code": code})


# After a bare status, `@` sets the seconds to wait, as it does after 429.
_STATUS_WITH_ADVICE = Entry("status", Status, main="retry_after_s")


def _arguments_of_place(text: str, part: str, entry: Entry, place: str) -> dict[str, object]:
    value = _value(place)
    by_name = _PLACE_BY_NAME.fullmatch(place)
    if isinstance(value, str) and by_name and "event" in {field.name for field in fields(cast(Any, entry.make))}:
        n = by_name.group("n")
        return {"event": by_name.group("event")} | ({"n": int(n)} if n else {})
    if entry.main is None:
        _refuse(text, f"{part!r}: {entry.name} takes no value after @.")
    return {entry.main: value}


def _value(written: str) -> object:
    """Read a value: a number, `true` or `false`, numbers parted by `/`, quoted text, or text as it stands."""
    if _INTEGER.fullmatch(written):
        return int(written)
    if _DECIMAL.fullmatch(written):
        return float(written)
    if _INTEGERS.fullmatch(written):
        return tuple(int(number) for number in written.split("/"))
    if len(written) > 1 and written[0] in "'\"" and written[-1] == written[0]:
        return written[1:-1]
    return _WORDS.get(written, written)


def _split(text: str, separator: str, whole: str) -> list[str]:
    """Split at separators that stand outside of brackets and quotes; parts come stripped."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth < 0:
                break
        elif char == separator and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    if quote or depth:
        _refuse(whole, f"{text.strip()!r} has a {'quote' if quote else 'bracket'} without its partner.")
    return [*parts, text[start:].strip()]
