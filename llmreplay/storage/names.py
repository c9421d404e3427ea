"""Names of cassettes: legal and unique on every system, case aside; no secret in them; made from the id alone."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from pathlib import PurePosixPath

_LONGEST = 100
_HASH_DIGITS = 12

# One spelling of each name stays plain, so that no two plain ones differ in case alone: a class is `TestAgent`
# or lower case that does not begin with `test`, all else is lower case.
_PLAIN_CLASS = re.compile(r"Test(?:[A-Z0-9_][a-z0-9_]*)?|(?!test)[a-z_][a-z0-9_]*")
_PLAIN_WORD = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_PLAIN_PARAM = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_PLAIN_FOLDER = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_LOOKS_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH_DIGITS}}}$")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z0-9]+")


def cassette_name(test_file: str, test_name: str) -> PurePosixPath:
    """Name the cassette of a test, below the folder of cassettes.

    Args:
        test_file: Path from the rootdir, with slashes; outside of it, with `..`.
        test_name: `Class.test[param]`, or with `::` for the dots.

    Returns:
        `<test file without .py>/<Class.test[param]>.json` where that is safe; where it is not, a part of it is an
        ASCII slug and a hash of the whole. Two tests never share one, whether case counts or not.
    """
    base, bracket, param = test_name.partition("[")
    base = base.replace("::", ".")
    full = base + bracket + param
    *classes, function = base.split(".")
    is_plain = (
        all(map(_PLAIN_CLASS.fullmatch, classes))
        and _PLAIN_WORD.fullmatch(function) is not None
        and classes[:1] != ["fixture"]
    )
    return _folder(test_file) / _file_name(full, base, bracket + param, is_plain=is_plain)


def fixture_cassette_name(test_file: str, fixture_name: str, param: str | None = None) -> PurePosixPath:
    """Name the cassette of a fixture wider than a function: `<test file>/fixture.<name>[param].json`.

    Args:
        test_file: Of the module that the fixture's set-up runs for; path from the rootdir, with slashes.
        fixture_name: Its name.
        param: The id of its parameter; None if it has none.
    """
    base = f"fixture.{fixture_name}"
    suffix = "" if param is None else f"[{param}]"
    is_plain = _PLAIN_WORD.fullmatch(fixture_name) is not None
    return _folder(test_file) / _file_name(f"{base}{suffix}", base, suffix, is_plain=is_plain, kind="fixture")


def _folder(test_file: str) -> PurePosixPath:
    parts = PurePosixPath(unicodedata.normalize("NFC", test_file)).parts
    if not parts:
        return PurePosixPath(_hashed("", "", ""))
    *folders, file = parts
    has_suffix = file.endswith(".py")
    name = file.removesuffix(".py")
    shown = [_hashed("outside", "", part) if part == ".." else _folder_name(part, part) for part in folders]
    return PurePosixPath(*shown, _folder_name(name, file, is_distinct=has_suffix or "." in file))


def _folder_name(name: str, identity: str, *, is_distinct: bool = True) -> str:
    """Give a folder's name; one that could be another test's file, or another file's folder, is hashed."""
    is_plain = _PLAIN_FOLDER.fullmatch(name) is not None and not name.endswith(".json")
    return name if is_plain and is_distinct and _is_safe(name) else _hashed(name, "", identity)


def _file_name(full: str, base: str, suffix: str, *, is_plain: bool, kind: str = "test") -> str:
    param = suffix[1:-1]
    is_plain_param = not suffix or (
        suffix.endswith("]") and _PLAIN_PARAM.fullmatch(param) is not None and not _may_hold_secret(param)
    )
    if is_plain and is_plain_param and _is_safe(full):
        return f"{full}.json"
    shown = "" if _may_hold_secret(suffix) else suffix
    return _hashed(base, shown, f"{kind} {full}") + ".json"


def _is_safe(name: str) -> bool:
    return len(name) <= _LONGEST and not _RESERVED.match(name) and not _LOOKS_HASHED.search(name)


def _hashed(base: str, suffix: str, identity: str) -> str:
    digest = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", base).strip(".-")
    words = "-".join(_WORDS.findall(suffix))
    slug = f"{slug}-{words}".strip("-")
    slug = slug[: _LONGEST - _HASH_DIGITS - 2].rstrip(".-")
    if not slug or _RESERVED.match(slug):
        slug = f"_{slug}"
    return f"{slug}-{digest}"


def _may_hold_secret(param: str) -> bool:
    """Say whether a run of letters and digits is too long for words, or mixes both as a token does."""
    return any(_is_token(run) for run in _WORDS.findall(param))


def _is_token(run: str) -> bool:
    return len(run) > 15 or (len(run) >= 8 and not run.isalpha() and not run.isdigit())
