"""The command that runs a test again, to be typed in the folder where pytest was started."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from llmreplay.core.remedy import Remedy
from llmreplay.core.settings import Settings
from llmreplay.pytest_run.node_ids import path_from

_PLAIN_ON_WINDOWS = re.compile(r"[A-Za-z0-9_./:=@+\\-]+")


def remedy_for(config: pytest.Config, node_id: str, settings: Settings, *, is_fixtures: bool) -> Remedy:
    """Say what to type for the cassette of a test, or of a fixture that it asks for first."""
    is_shared = settings.cassette is not None and settings.on_unplayed != "error"
    return Remedy(rerun=command_for(config, node_id), is_fixtures=is_fixtures, is_shared=is_shared)


def command_for(config: pytest.Config, node_id: str) -> str:
    """Give the command that runs a test, a file or a folder again; `{mode}` stands in it for the mode.

    Args:
        config: Knows the rootdir, and where pytest was started.
        node_id: Its path is one from the rootdir.
    """
    path, separator, inner = node_id.partition("::")
    node_id = f"{path_from(config.invocation_params.dir, config.rootpath / path)}{separator}{inner}"
    words = [quoted_for(sys.platform, word) for word in (node_id, *_places_said(config))]
    return f"pytest {' '.join(words)} --llmreplay-mode={{mode}}"


def _places_said(config: pytest.Config) -> list[str]:
    """Give the options of this run that decide where cassettes are, and what is set."""
    options = {"--llmreplay-cassette-dir": "llmreplay_cassette_dir", "--rootdir": "rootdir", "-c": "inifilename"}
    said = {option: config.getoption(name, None) for option, name in options.items()}
    return [f"{option}={value}" if option[1] == "-" else f"{option}{value}" for option, value in said.items() if value]


def quoted_for(platform: str, text: str) -> str:
    """Write a text as the shells of a platform (`sys.platform`) take it for one word."""
    if platform != "win32":
        return shlex.quote(text)
    if _PLAIN_ON_WINDOWS.fullmatch(text):
        return text
    # Backslashes are doubled before a quote only.
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f'"{escaped}"'
