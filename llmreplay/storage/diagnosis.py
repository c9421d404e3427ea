"""What is wrong with a file that is no cassette, and what to do about it."""

from __future__ import annotations

import re
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec

from llmreplay.core.errors import CassetteError
from llmreplay.storage.wire import FORMAT, PARTIAL_FORMAT, WireChunks, WireFailure, WireInteraction, WireResponse

RESTORE = "Restore it from version control, or delete it and record it again: pytest --llmreplay-mode=once"

_RECORD_ANEW = "Move it out of the folder of cassettes, then record again: pytest --llmreplay-mode=once"

_BYTE = re.compile(r" ?\(byte (\d+)\)")
_PLACE = re.compile(r" - at `\$?(.*)`$", re.DOTALL)
_FORMAT = re.compile(rb'^\s*\{\s*"format"\s*:\s*"([^"]{1,60})"')

_SIGNATURES = (
    (
        re.compile(rb"version https://git-lfs\.github\.com/spec/"),
        "it is a Git LFS pointer; the cassette itself was not fetched",
        "Fetch it: git lfs pull",
    ),
    (
        re.compile(rb"\x00GITCRYPT\x00"),
        "it is encrypted by git-crypt",
        "Unlock the repository: git-crypt unlock",
    ),
    (
        re.compile(rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff|\{\x00|\x00+\{"),
        "it is UTF-16 or UTF-32, not UTF-8",
        "Save it as UTF-8, or restore it from version control.",
    ),
    (
        re.compile(rb"(?:#[^\n]*\n|---\s*\n|version: \d+\s*\n)*interactions:\s*(?:\[\]\s*)?\r?\n"),
        "it is a vcrpy cassette in YAML",
        _RECORD_ANEW,
    ),
    (
        re.compile(rb'\s*\{\s*"(?:version|interactions|recorded_with|log)"\s*:'),
        'it is JSON of another tool, perhaps a vcrpy cassette or a HAR file, without `"format"` at its start',
        _RECORD_ANEW,
    ),
    (
        re.compile(rb"\x1f\x8b|PK\x03\x04|\x28\xb5\x2f\xfd|BZh|\xfd7zXZ"),
        "it is compressed",
        "Unpack it; cassettes are stored as plain JSON.",
    ),
    (
        re.compile(rb"\x00+\Z|\x00{16}"),
        "it holds NUL bytes only: a crash of the machine can leave that",
        RESTORE,
    ),
    (re.compile(rb"\s*<(?:!DOCTYPE|html)", re.IGNORECASE), "it is an HTML page", RESTORE),
)
_CONFLICT = re.compile(rb"^(?:<{7} |>{7} |\|{7} |={7}\r?$)", re.MULTILINE)


def begins_as_cassette(head: bytes) -> bool:
    """Say whether a file is a cassette of this format, going by its first bytes."""
    named = _FORMAT.match(head)
    return named is not None and named[1] == FORMAT.encode()


def damaged_file(data: bytes, path: str, error: Exception | None) -> CassetteError:
    """Say why a file is no cassette that this version can read; `error` is what the decoder said of it."""
    if not data.strip():
        return CassetteError(path, "it is empty", RESTORE)
    for pattern, found, remedy in _SIGNATURES:
        if pattern.match(data):
            return CassetteError(path, found, remedy)
    conflict = _CONFLICT.search(data) if isinstance(error, msgspec.DecodeError) else None
    if conflict is not None:
        remedy = f"Choose one side: git checkout --ours {path}, or --theirs. {RESTORE}"
        return CassetteError(path, "it has an unresolved merge conflict", remedy, _line(data, conflict.start()))
    named = _FORMAT.match(data)
    if named is not None and named[1] != FORMAT.encode():
        return _other_format(named[1].decode(errors="replace"), path)
    return _broken(data, path, error)


def wrong_value(path: str, place: str, message: str) -> CassetteError:
    """Report what a decoder refused; a place at the end of its message is appended to `place`."""
    inner = _PLACE.search(message)
    if inner is not None:
        message, place = message[: inner.start()], place + inner[1]
    choices = _choices(place.rpartition(".")[2]) if message.startswith("Invalid enum value") else ()
    expected = f"; expected one of {', '.join(map(repr, choices))}" if choices else ""
    return CassetteError(path, _decapitalised(message) + expected, f"Correct it by hand. {RESTORE}", place)


def _choices(field: str) -> tuple[str, ...]:
    """Give the values that a field may have, where it is one of few."""
    hints = (get_type_hints(struct).get(field) for struct in (WireInteraction, WireResponse, WireFailure, WireChunks))
    return next((get_args(hint) for hint in hints if get_origin(hint) is Literal), ())


def _other_format(name: str, path: str) -> CassetteError:
    if name == PARTIAL_FORMAT:
        found = "it is what was kept of a recording that broke off, and is never replayed"
        return CassetteError(path, found, "Record again: pytest --llmreplay-mode=once", "$.format")
    if re.fullmatch(r"llmreplay/\d+", name):
        found = f"it has the format {name}; this version reads {FORMAT}"
        return CassetteError(path, found, "Upgrade: pip install -U pytest-llmreplay", "$.format")
    return CassetteError(path, f"its format is {name!r}, not {FORMAT!r}", RESTORE, "$.format")


def _broken(data: bytes, path: str, error: Exception | None) -> CassetteError:
    if isinstance(error, UnicodeDecodeError):
        found = f"it is not UTF-8: byte 0x{data[error.start]:02x}, {error.reason}"
        return CassetteError(path, found, RESTORE, _line(data, error.start))
    if isinstance(error, RecursionError):
        return CassetteError(path, "it is nested too deeply to be a cassette of ours", RESTORE)
    if isinstance(error, msgspec.ValidationError):
        return wrong_value(path, "$", str(error))
    if not data.lstrip().startswith(b"{"):
        return CassetteError(path, "it is no cassette, which is JSON and begins with {", RESTORE, "line 1")
    message = str(error)
    position = _BYTE.search(message)
    if position is None:
        lines = data.count(b"\n") + 1
        return CassetteError(path, "it was cut off: its JSON does not end", RESTORE, f"line {lines}")
    found = "it is no JSON: " + _BYTE.sub("", message).removeprefix("JSON is malformed: ")
    return CassetteError(path, found, RESTORE, _line(data, int(position[1])))


def _line(data: bytes, position: int) -> str:
    line_start = data.rfind(b"\n", 0, position) + 1
    line = data.count(b"\n", 0, position) + 1
    return f"line {line}, byte {position - line_start + 1}"


def _decapitalised(message: str) -> str:
    return message[:1].lower() + message[1:]
