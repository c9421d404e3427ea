"""Every setting: its name, its values, its default, and what a wrong one is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import Enum
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from llmreplay.core.errors import SettingError
from llmreplay.core.normalize import Normalizer


class Mode(Enum):
    """What a recorder does with a request."""

    NONE = "none"
    """Replay only; a request without a recording is refused."""
    ONCE = "once"
    """Record if there is no cassette, else replay only."""
    NEW_EPISODES = "new_episodes"
    """Replay what matches, record the rest."""
    REWRITE = "rewrite"
    """Record afresh; the old cassette is replaced only when the test passed."""
    LIVE = "live"
    """No cassette; calls are logged, faults apply."""


_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mode": ("none", "once", "new_episodes", "rewrite", "live"),
        "on_unmatched": ("error", "warn", "ignore"),
        "on_unplayed": ("error", "warn", "ignore"),
        "on_unfired": ("error", "warn", "ignore"),
        "guard": ("test", "session", "strict", "off"),
        "placeholder_keys": ("test", "session", "off"),
        "clock": ("retries", "virtual", "real"),
    }
)
_LISTS = ("ignore", "normalize", "redact", "keep", "hosts", "ignore_hosts", "allowed_hosts")
_NUMBERS = ("speed", "max_cost_usd")
_COUNTS = ("max_calls", "max_output_tokens")
_SWITCHES = ("allow_repeats", "accept")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one recorder, checked.

    Attributes:
        mode: What happens to a request: none, once, new_episodes, rewrite (alias all) or live.
        cassette: Path of the cassette, relative to `cassette_dir`; None for the test's own name.
        cassette_dir: Folder of all cassettes, relative to the root of the project.
        ignore: What does not count in matching: `$.path`, `query:name`, `header:name`, `host`.
        normalize: What is evened out before matching: functions, or `dates`, `uuids`, `tmp_path`.
        redact: Names, patterns (`re:...`), variables (`env:...`) or functions that remove more secrets.
        keep: Names of fields that redaction leaves alone.
        allow_repeats: Whether the last of identical recordings answers again and again.
        on_unmatched: Whether a refusal that the code under test swallowed fails the test at its end.
        on_unplayed: What recordings that nobody asked for do.
        on_unfired: What faults that never fired do.
        hosts: Hosts recorded though they are loopback.
        ignore_hosts: Hosts passed through, never recorded.
        allowed_hosts: Hosts open to live connections while offline.
        upstream: Provider's address -> where to send instead; the cassette keeps the provider's.
        guard: How far the network is closed while replaying.
        placeholder_keys: For how long unset key variables get placeholders.
        clock: Which sleeps are virtual.
        speed: Factor on the delays of replayed chunks; 0 for none.
        faults: A scenario, as text or objects.
        max_calls: Budget of calls; None for no limit.
        max_output_tokens: Budget of output tokens; None for no limit.
        max_cost_usd: Budget of US dollars; None for no limit.
        accept: Whether a recording replaces the cassette though it is worse than the one that stands.
    """

    mode: Mode = Mode.NONE
    cassette: str | None = None
    cassette_dir: str = "cassettes"
    ignore: tuple[str, ...] = ()
    normalize: tuple[str | Normalizer, ...] = ()
    redact: tuple[str | Callable[[str], str], ...] = ()
    keep: tuple[str, ...] = ()
    allow_repeats: bool = False
    on_unmatched: str = "error"
    on_unplayed: str = "error"
    on_unfired: str = "error"
    hosts: tuple[str, ...] = ()
    ignore_hosts: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    upstream: Mapping[str, str] = field(default_factory=dict)
    guard: str = "test"
    placeholder_keys: str = "test"
    clock: str = "retries"
    speed: float = 0.0
    faults: object = None
    max_calls: int | None = None
    max_output_tokens: int | None = None
    max_cost_usd: float | None = None
    accept: bool = False

    @property
    def has_budget(self) -> bool:
        """Whether spending is limited."""
        return (self.max_calls, self.max_output_tokens, self.max_cost_usd) != (None, None, None)

    def records(self, *, is_there: bool) -> bool:
        """Say whether a request without a recording is sent and recorded, for a cassette that is there or is not."""
        return self.mode in (Mode.NEW_EPISODES, Mode.REWRITE) or (self.mode is Mode.ONCE and not is_there)


SETTING_NAMES: tuple[str, ...] = tuple(entry.name for entry in fields(Settings))


def settings_from(*layers: tuple[str, Mapping[str, object]]) -> Settings:
    """Merge layers of settings, the later over the earlier, and check every value.

    Args:
        layers: Where it was said (`pytest.ini`, `--llmreplay-mode`, ...), and what.

    Raises:
        SettingError: An unknown name or a value that a setting cannot have; says where, what and what can.
    """
    merged: dict[str, Any] = {}
    for where, layer in layers:
        for name, value in layer.items():
            if name not in SETTING_NAMES:
                raise SettingError(f"{where}: {name!r} is no setting. {_nearest(name, SETTING_NAMES)}")
            merged[name] = _checked(name, value, where)
    return Settings(**merged)


def _nearest(name: str, choices: Sequence[str]) -> str:
    close = get_close_matches(name, choices, 1)
    return f"Did you mean {close[0]}?" if close else f"Choose from {', '.join(choices)}."


def _checked(name: str, value: object, where: str) -> object:
    if name in _CHOICES:
        return _choice(name, value, where)
    if name in _LISTS:
        return _list(name, value, where)
    if name in _NUMBERS or name in _COUNTS:
        return _number(name, value, where)
    if name in _SWITCHES:
        return _switch(name, value, where)
    if name == "upstream":
        return _upstream(value, where)
    if name in ("cassette", "cassette_dir"):
        return _path(name, value, where)
    return value


def _path(name: str, value: object, where: str) -> str | None:
    if value is None and name == "cassette":
        return None
    text = str(value) if isinstance(value, str) or hasattr(value, "__fspath__") else ""
    if not text or "\0" in text:
        raise SettingError(f"{where}: {name}={value!r}: give the path of a file or folder.")
    return text


def _choice(name: str, value: object, where: str) -> object:
    if name == "mode":
        if isinstance(value, Mode):
            return value
        if value == "all":
            return Mode.REWRITE
    if not isinstance(value, str) or value not in _CHOICES[name]:
        raise SettingError(f"{where}: {name}={value!r}: choose from {', '.join(_CHOICES[name])}.")
    return Mode(value) if name == "mode" else value


def _list(name: str, value: object, where: str) -> tuple[object, ...]:
    if value is None:
        return ()
    entries: tuple[object, ...]
    if isinstance(value, str):
        entries = tuple(part.strip() for line in value.splitlines() for part in _parts(line) if part.strip())
    else:
        entries = tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)
    may_be_function = name in ("normalize", "redact")
    for entry in entries:
        if not (isinstance(entry, str) or (may_be_function and callable(entry))):
            what = "texts or functions" if may_be_function else "texts"
            raise SettingError(f"{where}: {name}={value!r}: give a list of {what}; {entry!r} is none.")
        if name in ("hosts", "ignore_hosts") and isinstance(entry, str) and "://" in entry:
            host = urlsplit(entry).netloc or "api.example.com"
            raise SettingError(f"{where}: {name}: {entry!r} is a URL: give the host alone, {host!r}.")
    return entries


def _parts(line: str) -> Iterator[str]:
    """Split a line at its commas, but for those of a pattern's brackets: `re:[a,b]{8,40}` is one entry."""
    start, closes, is_escaped = 0, "", False
    for place, char in enumerate(line):
        if is_escaped or char == "\\":
            is_escaped = not is_escaped
        elif closes:
            closes = "" if char == closes else closes
        elif char in "[{":
            closes = "]" if char == "[" else "}"
        elif char == ",":
            yield line[start:place]
            start = place + 1
    yield line[start:]


def _number(name: str, value: object, where: str) -> int | float | None:
    whole = name in _COUNTS
    if value is None or value == "":
        return 0.0 if name == "speed" else None
    try:
        if isinstance(value, bool):
            raise TypeError
        number = int(str(value)) if whole else float(str(value))
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < float("inf"):
        raise SettingError(f"{where}: {name}={value!r}: give a {'whole ' if whole else ''}number of 0 or more.")
    return number


def _switch(name: str, value: object, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE + _FALSE:
        return value.lower() in _TRUE
    raise SettingError(f"{where}: {name}={value!r}: choose from true, false.")


def _upstream(value: object, where: str) -> Mapping[str, str]:
    if value is None:
        return {}
    form = "{'https://api.anthropic.com': 'http://127.0.0.1:8123'}"
    if isinstance(value, str):
        form = "https://api.anthropic.com=http://127.0.0.1:8123, one a line"
        pairs = [line.split("=", 1) for line in value.replace(",", "\n").splitlines() if line.strip()]
        lone = next((pair[0].strip() for pair in pairs if len(pair) == 1), None)
        if lone is not None:
            raise SettingError(f"{where}: upstream: {lone!r} does not say instead of which provider. Write {form}.")
        value = {pair[0].strip(): pair[-1].strip() for pair in pairs}
    if not isinstance(value, Mapping):
        raise SettingError(f"{where}: upstream={value!r}: give provider's address -> where to send instead.")
    for key, target in value.items():
        for address in (key, target):
            if not isinstance(address, str) or not address.startswith(("http://", "https://")):
                raise SettingError(f"{where}: upstream: {address!r} is no address. Write {form}.")
    return {key.rstrip("/"): target.rstrip("/") for key, target in value.items()}
