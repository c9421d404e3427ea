"""What a run of pytest was told: by ini file, markers, environment and command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmreplay.core.errors import LlmReplayError, SettingError
from llmreplay.core.settings import SETTING_NAMES, Settings, settings_from
from llmreplay.interceptors.environment import PlaceholderKeys
from llmreplay.providers import CATALOGUE
from llmreplay.session import cassette_path, environment_settings

_RIVALS = ("vcr", "default_cassette")


class Said:
    """The settings of a run, and of each test in it.

    Attributes:
        root: Folder that relative paths begin at.
        ini: From the ini file.
        command_line: From the command line.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.root: Path = config.rootpath
        self.ini = {name: value for name in SETTING_NAMES if (value := _ini(config, name)) is not None}
        self.command_line = {
            name: value for name in SETTING_NAMES if (value := config.getoption(f"llmreplay_{name}", None)) is not None
        }

    def settings_for(self, node: pytest.Item | pytest.Collector | None) -> Settings:
        """Give the settings of a test, a module, a class; of the whole run for None.

        Raises:
            SettingError: One is wrong; says which, where, and what can be said.
        """
        marked: dict[str, object] = {}
        for marker in reversed(list(node.iter_markers("llmreplay")) if node is not None else []):
            if marker.args:
                raise SettingError(f"@pytest.mark.llmreplay{marker.args!r}: settings have names, such as mode='none'.")
            marked.update(marker.kwargs)
        return settings_from(
            ("the ini file", self.ini),
            ("@pytest.mark.llmreplay", marked),
            ("the environment", environment_settings()),
            ("the command line", self.command_line),
        )

    def path_of(self, settings: Settings, name: object, *, may_be_named: bool = True) -> Path:
        """Give the file of a cassette: the one that the settings name, else `name` in the folder of cassettes."""
        folder = Path(settings.cassette_dir)
        if may_be_named and settings.cassette is not None:
            return cassette_path(settings.cassette, folder, self.root)
        return self.root / folder / str(name)


def _ini(config: pytest.Config, name: str) -> object:
    value = config.getini(f"llmreplay_{name}")
    is_of_lines = isinstance(value, list) and (config.inipath is None or config.inipath.suffix != ".toml")
    # Of an ini file each line may hold several entries; an entry of a TOML list is one, whatever is in it.
    return "\n".join(value) if is_of_lines or (name == "upstream" and value is not None) else value


def refuse_rivals(item: pytest.Item) -> None:
    """Refuse to record a test that another recorder records too.

    A rival's fixture counts where the test asks for it: as an autouse fixture it is there in every test.

    Raises:
        LlmReplayError: Says which recorder, and what to take away.
    """
    info = getattr(item, "_fixtureinfo", None)
    asked = [
        *(info.argnames if info else ()),
        *(name for mark in item.iter_markers("usefixtures") for name in mark.args),
    ]
    for rival in _RIVALS:
        if item.get_closest_marker(rival) is not None or rival in asked:
            raise LlmReplayError(
                f"{item.nodeid} is recorded twice: by llmreplay and by another recorder (`{rival}`).\n"
                f"  Take away @pytest.mark.{rival}, or llmreplay's fixture and marker."
            )


def session_placeholder_keys() -> PlaceholderKeys:
    """Set placeholder keys for the whole session."""
    keys = PlaceholderKeys()
    keys.install(CATALOGUE.key_variables)
    return keys


def packages_below(root: Path) -> tuple[str, ...]:
    """Name the packages of the project under test: they are the application wherever they are installed."""
    markers = (*root.glob("*/__init__.py"), *root.glob("src/*/__init__.py"))
    return tuple(sorted({marker.parent.name for marker in markers} - {"tests", "test"}))
