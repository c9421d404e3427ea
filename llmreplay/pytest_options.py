"""What pytest is told of our settings: an ini entry for each, and an option where that makes sense."""

from __future__ import annotations

from typing import Any

import pytest

# Kept as plain pairs, because reading them must cost nothing; a test holds them against `Settings`.
SETTINGS = {
    "mode": "what happens to a request: none (default), once, new_episodes, rewrite, live",
    "cassette": "path of one cassette for all tests; on_unplayed=ignore goes with it",
    "cassette_dir": "folder of the cassettes (default: cassettes)",
    "ignore": "what does not count in matching: $.path, query:name, header:name, host",
    "normalize": "evened out before matching: dates, uuids, tmp_path",
    "redact": "more names or patterns to redact",
    "keep": "names that redaction leaves alone",
    "allow_repeats": "whether the last of identical recordings answers again",
    "on_unmatched": "a refusal that was swallowed: error (default), warn, ignore",
    "on_unplayed": "recordings nobody asked for: error (default), warn, ignore",
    "on_unfired": "faults that never fired: error (default), warn, ignore",
    "hosts": "hosts recorded though they are loopback",
    "ignore_hosts": "hosts passed through, never recorded",
    "allowed_hosts": "hosts open to live connections while offline",
    "upstream": "provider's address=where to send instead, one a line",
    "guard": "how far the network is closed while replaying: test (default), session, strict, off",
    "placeholder_keys": "for how long unset keys get placeholders: test (default), session, off",
    "clock": "which sleeps are virtual: retries (default), virtual, real",
    "speed": "factor on the delays of replayed chunks (default: 0, none)",
    "faults": "a scenario, such as: 429x2, 529, ok",
    "max_calls": "budget of calls a test",
    "max_output_tokens": "budget of output tokens a test",
    "max_cost_usd": "budget of US dollars a test",
    "accept": "take a recording though it is worse than the cassette that stands",
}
_OPTIONS = ("mode", "cassette_dir", "on_unmatched", "on_unplayed", "on_unfired", "guard", "clock", "speed", "faults")
_LISTS = ("ignore", "normalize", "redact", "keep", "hosts", "ignore_hosts", "allowed_hosts", "upstream")
_SWITCHES = ("allow_repeats", "accept")


def register(parser: pytest.Parser) -> None:
    """Register all of them."""
    group = parser.getgroup("llmreplay", "record and replay LLM calls")
    for name in _OPTIONS:
        group.addoption(
            f"--llmreplay-{name.replace('_', '-')}", dest=f"llmreplay_{name}", default=None, help=SETTINGS[name]
        )
    group.addoption(
        "--llmreplay-accept", dest="llmreplay_accept", action="store_true", default=None, help=SETTINGS["accept"]
    )
    group.addoption(
        "--llmreplay-chaos", type=float, default=None, help="share of all attempts that get a fault, 0 to 1"
    )
    group.addoption("--llmreplay-seed", type=int, default=None, help="seed of chaos and of fuzzing")
    for name, text in SETTINGS.items():
        kind: Any = "linelist" if name in _LISTS else "bool" if name in _SWITCHES else "string"
        parser.addini(f"llmreplay_{name}", text, kind, default=None)


def in_ini(config: pytest.Config, name: str) -> object:
    """Give what the ini file says of a setting; None if nothing.

    Raises:
        pytest.UsageError: It cannot be read.
    """
    try:
        return config.getini(f"llmreplay_{name}")
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"the ini file: llmreplay_{name}: {error}.") from None


def is_anything_said(config: pytest.Config) -> bool:
    """Say whether the command line or the ini file has a setting of ours; reads the whole of the ini file's."""
    entries = [name for name in SETTINGS if in_ini(config, name) is not None]
    options = (*_OPTIONS, "accept")
    return bool(entries) or any(config.getoption(f"llmreplay_{name}") is not None for name in options)
