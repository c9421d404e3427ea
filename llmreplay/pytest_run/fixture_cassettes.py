"""Cassettes of fixtures wider than a function: open while a fixture is set up, and again while it is torn down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from llmreplay.core.errors import tells_of
from llmreplay.core.settings import Mode, Settings
from llmreplay.pytest_run.node_ids import node_id_of
from llmreplay.pytest_run.passing import is_skip, records_less_than_stands
from llmreplay.pytest_run.said import Said
from llmreplay.pytest_run.wide_fixtures import WideFixtures
from llmreplay.session import Replay
from llmreplay.storage.lock import locked

_LONGEST_SET_UP_S = 600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cassette of a fixture is, and how it is used.

    Attributes:
        path: The file.
        settings: Of the fixture.
        label: What it is called in messages.
        node_id: What to run again for it: the test that asked for it.
    """

    path: Path
    settings: Settings
    label: str
    node_id: str


class FixtureCassettes:
    """Gives each fixture wider than a function its own cassette.

    Attributes:
        wide: The fixtures that have one.
    """

    def __init__(
        self,
        said: Said,
        open_replay: Callable[[Place], Replay],
        settle: Callable[[Replay, bool, bool], None],
        *,
        has_other_workers: bool,
    ) -> None:
        """Prepare to open cassettes.

        Args:
            said: What the run was told.
            open_replay: Opens a cassette.
            settle: Judges and closes one: whether it passed, and whether only what was refused counts.
            has_other_workers: Whether other processes set up the same fixtures.
        """
        self.wide = WideFixtures(said.root)
        self._said = said
        self._open_replay = open_replay
        self._settle = settle
        self._has_other_workers = has_other_workers
        self._raised: dict[pytest.FixtureDef[Any], list[BaseException]] = {}
        self._in_use: dict[pytest.FixtureDef[Any], tuple[Replay, ExitStack]] = {}

    def begin_set_up(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Callable[[], None]:
        """Open the cassette of a fixture that is about to be set up.

        Returns:
            To be called when it is set up: has the cassette opened again when the fixture is torn down.

        Raises:
            LlmReplayError: A setting is wrong, or the cassette is.
        """
        # Many fixtures make no calls, so faults for all of a run need not fire in each.
        settings = replace(self._said.settings_for(request.node), on_unfired="ignore")
        path = self._said.path_of(settings, self.wide.cassette_name(fixturedef, request), may_be_named=False)
        # Its own node is a module, or all there is.
        test = getattr(request, "_pyfuncitem", request.node)
        place = Place(path, settings, f"fixture {fixturedef.argname}", node_id_of(test))
        self._open(fixturedef, place)
        # Finalizers run in the opposite order: this one, added before any of the fixture's own, is the last.
        fixturedef.addfinalizer(lambda: self._end_teardown(fixturedef))
        return lambda: self._await_teardown(fixturedef, place)

    def end_set_up(self, fixturedef: pytest.FixtureDef[Any], error: BaseException | None) -> None:
        """Judge and close the cassette of a fixture that was set up, or whose set-up ended with an error or a skip."""
        replay, lock = self._in_use.pop(fixturedef)
        with lock:
            passed = error is None or (is_skip(error) and not records_less_than_stands(replay))
            self._settle(replay, passed, error is not None)

    def _await_teardown(self, fixturedef: pytest.FixtureDef[Any], place: Place) -> None:
        # Most fixtures have nothing to tear down: ours is then the only finalizer there is.
        if len(getattr(fixturedef, "_finalizers", "??")) > 1:
            fixturedef.addfinalizer(lambda: self._begin_teardown(fixturedef, place))

    def _begin_teardown(self, fixturedef: pytest.FixtureDef[Any], place: Place) -> None:
        self._open(fixturedef, place)
        self._in_use[fixturedef][0].recorder.phase = "teardown"
        raised = self._raised[fixturedef] = []
        waiting: list[Callable[[], object]] = getattr(fixturedef, "_finalizers", [])
        waiting[:] = [_noting(finalizer, raised) for finalizer in waiting]

    def _end_teardown(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        # A fixture whose set-up failed has finalizers, too, but nothing of ours is open.
        replay, lock = self._in_use.pop(fixturedef, (None, ExitStack()))
        with lock:
            raised = self._raised.pop(fixturedef, [])
            if replay is not None:
                # What was raised is told already: pytest would show a group of the two.
                self._settle(replay, not any(tells_of(error, replay.recorder.refusals) for error in raised), True)

    def _open(self, fixturedef: pytest.FixtureDef[Any], place: Place) -> None:
        with ExitStack() as stack:
            if self._has_other_workers and place.settings.mode not in (Mode.NONE, Mode.LIVE):
                # One worker records it, the others wait and then replay.
                lock = place.path.with_name(f"{place.path.name}.set-up")
                stack.enter_context(locked(lock, timeout_s=_LONGEST_SET_UP_S))
            replay = self._open_replay(place)
            replay.recorder.phase = "setup"
            self._in_use[fixturedef] = replay, stack.pop_all()


def _noting(finalizer: Callable[[], object], raised: list[BaseException]) -> Callable[[], object]:
    def finalize() -> object:
        try:
            return finalizer()
        except BaseException as error:
            raised.append(error)
            raise

    return finalize
