"""One pytest run: which cassette belongs to which test and fixture, opened, judged and closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import time_ns
from typing import Any, NoReturn

import pytest

from llmreplay.core.errors import LlmReplayError
from llmreplay.core.settings import Mode, Settings
from llmreplay.pytest_run.ci_warning import CiWarning
from llmreplay.pytest_run.fixture_cassettes import FixtureCassettes, Place
from llmreplay.pytest_run.node_ids import node_id_of
from llmreplay.pytest_run.passing import (
    begin_test,
    has_begun,
    has_failed,
    has_gone_well,
    is_skip,
    is_to_be_kept,
    note_report,
)
from llmreplay.pytest_run.redacted import RedactedLate, Shown, redact_report
from llmreplay.pytest_run.reports import Tallies, keep_users_frames, tell_refusals, tell_story
from llmreplay.pytest_run.rerunning import remedy_for
from llmreplay.pytest_run.said import Said, packages_below, refuse_rivals
from llmreplay.pytest_run.session_guard import SessionGuard
from llmreplay.pytest_run.ungrouping import ungrouped
from llmreplay.report.failing import as_test_failure
from llmreplay.session import AMBIENCES, Ambience, Replay, check
from llmreplay.storage.names import cassette_name

_REPLAY = pytest.StashKey[Replay]()


class Run:
    """What the plugin knows during a run of pytest."""

    def __init__(self, config: pytest.Config, *, began_ns: int = 0) -> None:
        """Begin a run.

        Args:
            config: Of pytest.
            began_ns: When the run began that this worker is a part of, Unix nanoseconds; 0 for now.
        """
        self._config = config
        self._only_plans = bool(config.getoption("setupplan", False))
        self._said = Said(config)
        self._tallies = Tallies()
        self._current: Replay | None = None
        self._shown = Shown()
        self._phase = "call"
        self._guard = SessionGuard()
        is_worker = hasattr(config, "workerinput")
        self._fixtures = FixtureCassettes(
            self._said, self._open_of_fixture, self._settle_fixture, has_other_workers=is_worker
        )
        self._warn_of_ci = CiWarning()
        self._ambience = Ambience(
            root=config.rootpath,
            ini=self._said.ini,
            command_line=self._said.command_line,
            began_ns=began_ns or time_ns(),
            application_packages=packages_below(config.rootpath),
            base_temp=config.getoption("basetemp", None),
            opened=self._warn_of_ci,
            closed=self._block_closed,
        )
        AMBIENCES.enter(self._ambience)
        config.pluginmanager.register(RedactedLate(self._shown))

    def begin(self) -> None:
        """Check the settings of command line, environment and ini file; close the network where they ask for it.

        Raises:
            pytest.UsageError: One of them is wrong.
        """
        try:
            settings = self._said.settings_for(None)
            check(settings)
        except LlmReplayError as error:
            raise pytest.UsageError(str(error)) from None
        if settings.guard == "session" and settings.mode is Mode.NONE:
            self._guard.close_network(settings)

    def finish(self) -> dict[str, Any] | None:
        """Close what an interrupt left open; give the tally of what no report took along, if there is any."""
        if self._current is not None:
            self._close(self._current, passed=False)
            self._current = None
        return self._tallies.taken()

    def close(self) -> None:
        """Open the network again."""
        try:
            self.finish()
        finally:
            AMBIENCES.leave(self._ambience)
            self._guard.open_network()

    def _block_closed(self, replay: Replay) -> None:
        self._shown.add(replay)
        self._tallies.add(replay)

    # Tests

    def open(self, item: pytest.Item) -> None:
        """Open the cassette of a test, unless tests are only planned."""
        if self._only_plans:
            return
        try:
            refuse_rivals(item)
            settings = self._said.settings_for(item)
            node_id = node_id_of(item)
            file, _, name = node_id.partition("::")
            path = self._said.path_of(settings, cassette_name(file, name))
            replay = self._opened(path, settings, label=item.nodeid, node_id=node_id)
        except LlmReplayError as error:
            _fail(error)
        replay.recorder.phase = self._phase
        item.stash[_REPLAY] = self._current = replay
        self._shown.add(replay)

    def _opened(
        self,
        path: Path,
        settings: Settings,
        *,
        label: str,
        node_id: str,
        is_fixtures: bool = False,
        covers: Replay | None = None,
    ) -> Replay:
        replay = Replay(
            path,
            settings,
            root=self._said.root,
            label=label,
            remedy=remedy_for(self._config, node_id, settings, is_fixtures=is_fixtures),
            as_raised=as_test_failure,
            covers=covers,
            run_began_ns=self._ambience.began_ns,
            application_packages=self._ambience.application_packages,
        )
        replay.open()
        self._warn_of_ci(replay)
        return replay

    def replay_of(self, item: pytest.Item) -> Replay:
        """Give the cassette of a test; opened now if the test asks for it while it runs."""
        if item.stash.get(_REPLAY, None) is None:
            self.open(item)
        return item.stash[_REPLAY]

    def enter_phase(self, item: pytest.Item, phase: str) -> None:
        """Note which part of the test is running."""
        self._phase = phase
        if phase == "setup":
            begin_test(item)
            self._shown.begin_test()
            self._guard.begin_test()
        replay = item.stash.get(_REPLAY, None)
        if replay is not None:
            replay.recorder.phase = phase

    def verify(self, item: pytest.Item) -> None:
        """Raise what the test swallowed or left unplayed; if a subtest failed, only what was refused since."""
        self._verify(item, only_since=has_failed(item))

    def _verify(self, item: pytest.Item, *, only_since: bool) -> None:
        replay = item.stash.get(_REPLAY, None)
        if replay is not None:
            replay.verify(only_since=only_since)
        self._guard.verify()

    def ungrouping(self, item: pytest.Function) -> AbstractContextManager[None]:
        """Take refusals out of groups while a test of ours runs."""
        return ungrouped(item) if _REPLAY in item.stash else nullcontext()

    def close_item(self, item: pytest.Item, *, passed: bool) -> None:
        """Close the cassette of a test; it is saved if the test passed.

        Args:
            item: The test.
            passed: Whether its teardown passed.
        """
        replay = item.stash.get(_REPLAY, None)
        if replay is None:
            if passed and has_gone_well(item):
                self._guard.verify()
            return
        del item.stash[_REPLAY]
        self._current = None
        self._judge_and_close(replay, passed=passed and is_to_be_kept(item, replay), late=True)

    def _judge_and_close(self, replay: Replay, *, passed: bool, late: bool) -> None:
        """Close a cassette, and raise what was not raised yet if all else went well."""
        if passed:
            try:
                replay.verify(only_since=late)
            except BaseException:
                self._close(replay, passed=False)
                raise
        self._close(replay, passed=passed)
        if passed:
            # A child process tells what it was refused at the latest when the network is opened again.
            replay.verify(only_since=True)

    def _settle_fixture(self, replay: Replay, passed: bool, late: bool) -> None:
        self._judge_and_close(replay, passed=passed, late=late)

    def _close(self, replay: Replay, *, passed: bool) -> None:
        try:
            replay.close(passed=passed)
        except LlmReplayError as error:
            _fail(error)
        finally:
            self._tallies.add(replay)

    # Fixtures wider than a function

    def own_wide_fixtures(self, items: Sequence[pytest.Item]) -> None:
        """Note the fixtures that tests of ours use and that outlive a test."""
        self._fixtures.wide.own(items)

    def owns(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> bool:
        """Say whether a fixture that is about to be set up has a cassette of its own."""
        if self._only_plans:
            return False
        if _REPLAY in request._pyfuncitem.stash:
            # Collection does not see what a test asks for by `request.getfixturevalue`.
            self._fixtures.wide.own_definitions([fixturedef])
        return fixturedef in self._fixtures.wide

    def open_fixture(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Callable[[], None]:
        """Open the cassette of a fixture; give what is to be called when its set-up went well."""
        try:
            return self._fixtures.begin_set_up(fixturedef, request)
        except LlmReplayError as error:
            _fail(error)

    def _open_of_fixture(self, place: Place) -> Replay:
        try:
            replay = self._opened(
                place.path,
                place.settings,
                label=place.label,
                node_id=place.node_id,
                is_fixtures=True,
                covers=self._current,
            )
        except LlmReplayError as error:
            _fail(error)
        self._shown.add(replay, is_lasting=True)
        return replay

    def close_fixture(self, fixturedef: pytest.FixtureDef[Any], error: BaseException | None) -> None:
        """Judge and close the cassette of a fixture that was set up; of one whose set-up ended with `error`, too."""
        try:
            self._fixtures.end_set_up(fixturedef, error)
        except pytest.fail.Exception as failure:
            # Of a skip that hid it nothing is to be told.
            raise failure from None

    # Reports

    def before_report(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Put what was swallowed before a skip in its place; leave only the user's own frames in a refusal."""
        if call.excinfo is not None and is_skip(call.excinfo.value) and has_begun(item):
            try:
                self._verify(item, only_since=True)
            except BaseException as swallowed:
                call.excinfo = pytest.ExceptionInfo.from_exception(swallowed)
        keep_users_frames(call, self._said.root)

    def after_report(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Learn whether the test passed; add the tallies to the report of its teardown; take secrets out of it."""
        note_report(item, report)
        replay = item.stash.get(_REPLAY, None)
        if replay is not None and not report.passed:
            replay.judged()
        if replay is not None and report.when == "call":
            tell_refusals(replay, report)
            tell_story(replay, report)
        if report.when == "teardown":
            tally = self._tallies.taken()
            if tally is not None:
                report.llmreplay = tally  # type: ignore[attr-defined]
        redact_report(report, self._shown)


def _fail(error: LlmReplayError) -> NoReturn:
    raise pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False) from None
