"""One pytest run: which cassette belongs to which test and fixture, opened, judged and closed."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llmreplay.core.errors import LlmReplayError, Refusal
from llmreplay.core.settings import Mode, Settings, settings_from
from llmreplay.interceptors.environment import PlaceholderKeys
from llmreplay.providers import CATALOGUE
from llmreplay.report.failing import as_test_failure, keep_own_frames
from llmreplay.report.summary import tally_of
from llmreplay.session import LlmReplayWarning, Replay, cassette_path, closed_session, environment_settings
from llmreplay.storage.names import cassette_name, fixture_cassette_name

_REPLAY = pytest.StashKey[Replay]()
_PASSED = pytest.StashKey[bool]()
_PACKAGE = Path(__file__).parent
_RIVALS = ("vcr", "default_cassette")
_RUN_BEGAN = "LLMREPLAY_RUN_BEGAN"


class Run:
    """What the plugin knows during a run of pytest."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._root = config.rootpath
        self._owned: set[pytest.FixtureDef[Any]] = set()
        self._tallies: list[dict[str, Any]] = []
        self._current: Replay | None = None
        self._guard = ExitStack()
        self._packages = _packages_below(config.rootpath)
        # Workers inherit it, so that they know what the others recorded in the same run.
        self.began_at = os.environ.setdefault(_RUN_BEGAN, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def begin(self) -> None:
        """Check the settings of command line, environment and ini file; close the network where they ask for it.

        Raises:
            pytest.UsageError: One of them is wrong.
        """
        try:
            settings = self._settings_for(None)
        except LlmReplayError as error:
            raise pytest.UsageError(str(error)) from None
        if settings.mode not in (Mode.NONE, Mode.LIVE) and _is_truthy(os.environ.get("CI")):
            self._config.issue_config_time_warning(
                LlmReplayWarning(
                    f"recording (mode {settings.mode.value}) while CI is set: what is recorded here is not committed."
                ),
                stacklevel=2,
            )
        if settings.guard == "session" and settings.mode is Mode.NONE:
            self._guard.enter_context(closed_session(settings, as_test_failure))

    def close(self) -> None:
        """Open the network again, and forget what workers were told."""
        self._guard.close()
        if os.environ.get(_RUN_BEGAN) == self.began_at and not hasattr(self._config, "workerinput"):
            del os.environ[_RUN_BEGAN]

    # Tests

    def open(self, item: pytest.Item) -> None:
        """Open the cassette of a test."""
        try:
            _refuse_rivals(item)
            settings = self._settings_for(item)
            name = cassette_name(*_file_and_name(item))
            replay = Replay(
                self._path_of(settings, name),
                settings,
                root=self._root,
                label=item.nodeid,
                rerun=f"pytest {_quoted(item.nodeid)} --llmreplay-mode={{mode}}",
                as_raised=as_test_failure,
                run_began_at=self.began_at,
                application_packages=self._packages,
            )
            replay.open()
        except LlmReplayError as error:
            pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)
        replay.recorder.phase = "setup"
        item.stash[_REPLAY] = self._current = replay

    def replay_of(self, item: pytest.Item) -> Replay:
        """Give the open cassette of a test."""
        return item.stash[_REPLAY]

    def enter_phase(self, item: pytest.Item, phase: str) -> None:
        """Note which part of the test is running."""
        replay = item.stash.get(_REPLAY, None)
        if replay is not None:
            replay.recorder.phase = phase

    def verify(self, item: pytest.Item) -> None:
        """Raise what the test swallowed or left unplayed."""
        replay = item.stash.get(_REPLAY, None)
        if replay is not None:
            replay.verify()

    def close_item(self, item: pytest.Item) -> None:
        """Close the cassette of a test; it is saved if the test passed."""
        replay = item.stash.get(_REPLAY, None)
        if replay is None:
            return
        del item.stash[_REPLAY]
        self._current = None
        self._close(replay, passed=item.stash.get(_PASSED, False))

    def _close(self, replay: Replay, *, passed: bool) -> None:
        try:
            replay.close(passed=passed)
        except LlmReplayError as error:
            pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)
        finally:
            self._tallies.append(tally_of(replay.calls, replay.notes))

    # Fixtures wider than a function

    def own_wide_fixtures(self, items: Sequence[pytest.Item]) -> None:
        """Note the fixtures that tests of ours use and that outlive a test."""
        for item in items:
            info = getattr(item, "_fixtureinfo", None)
            for definitions in info.name2fixturedefs.values() if info else ():
                self._owned.update(one for one in definitions if one.scope != "function")

    def owns(self, fixturedef: pytest.FixtureDef[Any]) -> bool:
        """Say whether a fixture has a cassette of its own."""
        return fixturedef in self._owned

    def open_fixture(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Replay:
        """Open the cassette of a fixture that is about to be set up."""
        node = request.node
        try:
            settings = self._settings_for(node)
            replay = Replay(
                self._path_of(settings, self._fixture_name(fixturedef, request), named=False),
                settings,
                root=self._root,
                label=f"fixture {fixturedef.argname}",
                rerun=f"pytest {_quoted(node.nodeid or '.')} --llmreplay-mode={{mode}}",
                as_raised=as_test_failure,
                covers=self._current,
                run_began_at=self.began_at,
                application_packages=self._packages,
            )
            replay.open()
        except LlmReplayError as error:
            pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)
        return replay

    def close_fixture(self, replay: Replay) -> None:
        """Judge and close the cassette of a fixture whose set-up went well."""
        try:
            replay.verify()
        except BaseException:
            self._close(replay, passed=False)
            raise
        self._close(replay, passed=True)

    def _fixture_name(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Path:
        name = fixturedef.argname
        if fixturedef.scope in ("module", "class"):
            file, _, inner = request.node.nodeid.partition("::")
            name = f"{inner.replace('::', '.')}.{name}" if inner else name
        else:
            file = self._defining_file(fixturedef)
        index = getattr(request, "param_index", 0) if hasattr(request, "param") else None
        return Path(fixture_cassette_name(file, name, None if index is None else str(index)))

    def _defining_file(self, fixturedef: pytest.FixtureDef[Any]) -> str:
        try:
            return Path(inspect.getfile(inspect.unwrap(fixturedef.func))).relative_to(self._root).as_posix()
        except (TypeError, ValueError):
            return "plugins"

    # Reports

    def before_report(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Leave only the user's own frames in the traceback of a refusal."""
        if call.excinfo is not None and isinstance(call.excinfo.value, Refusal):
            keep_own_frames(call.excinfo.value, lambda file: _is_under(file, self._root))
            call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)

    def after_report(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Learn whether the test passed; add the tallies to the report of its teardown."""
        if report.when == "call":
            item.stash[_PASSED] = report.passed or hasattr(report, "wasxfail")
            self._tell_story(item, report)
        elif report.when == "setup":
            item.stash[_PASSED] = False
        elif self._tallies:
            report.llmreplay = _added(self._tallies)  # type: ignore[attr-defined]
            self._tallies = []

    def _tell_story(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Show the attempts of a test that failed, unless its message shows them already."""
        replay = item.stash.get(_REPLAY, None)
        if report.failed and replay is not None and len(replay.calls):
            table = replay.shown(replay.calls.table())
            if table not in report.longreprtext:
                report.sections.append(("llmreplay: attempts", table))

    # Settings

    def _settings_for(self, node: pytest.Item | pytest.Collector | None) -> Settings:
        config = self._config
        names = _setting_names()
        ini = {name: value for name in names if (value := config.getini(f"llmreplay_{name}")) is not None}
        said = {name: value for name in names if (value := config.getoption(f"llmreplay_{name}", None)) is not None}
        marked: dict[str, object] = {}
        for marker in reversed(list(node.iter_markers("llmreplay")) if node is not None else []):
            if marker.args:
                raise LlmReplayError(
                    f"@pytest.mark.llmreplay{marker.args!r}: settings have names, such as mode='none'."
                )
            marked.update(marker.kwargs)
        return settings_from(
            ("the ini file", ini),
            ("@pytest.mark.llmreplay", marked),
            ("the environment", environment_settings()),
            ("the command line", said),
        )

    def _path_of(self, settings: Settings, name: object, *, named: bool = True) -> Path:
        folder = Path(settings.cassette_dir)
        if named and settings.cassette is not None:
            return cassette_path(settings.cassette, folder, self._root)
        return self._root / folder / str(name)


def session_placeholder_keys() -> PlaceholderKeys:
    """Set placeholder keys for the whole session."""
    keys = PlaceholderKeys(CATALOGUE.key_variables)
    keys.install()
    return keys


def _setting_names() -> tuple[str, ...]:
    from llmreplay.core.settings import SETTING_NAMES

    return SETTING_NAMES


def _refuse_rivals(item: pytest.Item) -> None:
    for rival in _RIVALS:
        if item.get_closest_marker(rival) is not None or rival in getattr(item, "fixturenames", ()):
            raise LlmReplayError(
                f"{item.nodeid} is recorded twice: by llmreplay and by another recorder (`{rival}`).\n"
                f"  Take away @pytest.mark.{rival}, or llmreplay's fixture and marker."
            )


def _file_and_name(item: pytest.Item) -> tuple[str, str]:
    file, _, name = item.nodeid.partition("::")
    return file, name.replace("::", ".")


def _added(tallies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for tally in tallies:
        for source, count in tally["interactions"].items():
            counts[source] = counts.get(source, 0) + count
    return {
        "interactions": counts,
        "input_tokens": sum(tally["input_tokens"] for tally in tallies),
        "output_tokens": sum(tally["output_tokens"] for tally in tallies),
        "notes": [note for tally in tallies for note in tally["notes"]],
    }


def _is_under(file: str, root: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(root) and "site-packages" not in path.parts and not path.is_relative_to(_PACKAGE)


def _packages_below(root: Path) -> tuple[str, ...]:
    """Name the packages of the project under test: they are the application wherever they are installed."""
    markers = (*root.glob("*/__init__.py"), *root.glob("src/*/__init__.py"))
    return tuple(sorted({marker.parent.name for marker in markers} - {"tests", "test"}))


def _quoted(text: str) -> str:
    return text if all(character.isalnum() or character in "/._:-" for character in text) else f"'{text}'"


def _is_truthy(value: str | None) -> bool:
    return value is not None and value.strip().lower() not in ("", "0", "false", "no")
