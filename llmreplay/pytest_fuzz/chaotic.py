"""The plugin that lays faults over a share of all attempts of a suite, and tells what broke."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from typing import Any, Self

import pytest

from llmreplay.core.errors import SettingError
from llmreplay.faults.chaos import Chaos
from llmreplay.pytest_fuzz.telling import chaos_lines
from llmreplay.session import AMBIENCES, Replay, environment_settings

_RECORDING = ("once", "new_episodes", "rewrite")


class _Seen:
    """What happened to a test so far: the cassettes that were closed in it, and its first error."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.shown: list[Callable[[str], str]] = []
        self.is_recorded = False
        self.why: str | None = None


class Chaotic:
    """Lays faults over a share of all attempts of a suite."""

    def __init__(self, chaos: Chaos, config: pytest.Config) -> None:
        self._chaos = chaos
        self._config = config
        self._before = AMBIENCES.at_random, AMBIENCES.closing
        self._seen = _Seen()
        self._set_up_errors: list[tuple[BaseException, list[str]]] = []
        self._tests: dict[str, dict[str, Any]] = {}
        AMBIENCES.at_random, AMBIENCES.closing = chaos, self._note

    @classmethod
    def told(cls, config: pytest.Config) -> Self:
        """Read the command line, and the mode wherever it was said.

        Raises:
            pytest.UsageError: The share is none, or the suite is being recorded.
        """
        try:
            chaos = Chaos(config.getoption("llmreplay_chaos"), config.getoption("llmreplay_seed") or 0)
        except SettingError as error:
            raise pytest.UsageError(f"--llmreplay-{error}") from None
        try:
            in_environment = environment_settings().get("mode")
        except SettingError as error:
            raise pytest.UsageError(str(error)) from None
        mode = config.getoption("llmreplay_mode") or in_environment or config.getini("llmreplay_mode")
        if mode in _RECORDING:
            raise pytest.UsageError(
                f"--llmreplay-chaos: faults are laid over recordings; with mode {mode} there are none. "
                "Add --llmreplay-mode=none."
            )
        return cls(chaos, config)

    def pytest_unconfigure(self) -> None:
        """Take the faults back."""
        AMBIENCES.at_random, AMBIENCES.closing = self._before

    def _note(self, replay: Replay) -> None:
        """Note what hit a test by a cassette that is being closed: its own, a block's or a fixture's."""
        self._seen.faults += [name for attempt in replay.calls.attempts for name in attempt.faults]
        self._seen.shown.append(replay.shown)
        self._seen.is_recorded |= replay.recorder.records

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Begin anew: for another test, or for the same once more."""
        self._seen = _Seen()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put into the last report what hit the test, and whether it broke."""
        report = yield
        seen = self._seen
        if report.failed and call.excinfo is not None and seen.why is None:
            seen.why = call.excinfo.exconly(tryshort=True)
            if report.when == "setup":
                self._note_set_up_error(call.excinfo.value)
        if report.when == "teardown" and seen.shown:
            why = seen.why or ""
            for shown in seen.shown:
                why = shown(why)
            report.llmreplay_chaos = {  # type: ignore[attr-defined]
                "test": item.nodeid,
                "faults": seen.faults,
                "broke": seen.why is not None,
                "why": why.partition("\n")[0][:120],
                "is_recorded": seen.is_recorded,
            }
        return report

    def _note_set_up_error(self, error: BaseException) -> None:
        # pytest raises the error of a wide fixture again in every test that uses it: the same faults broke them all.
        earlier = next((faults for known, faults in self._set_up_errors if known is error), None)
        if earlier is None:
            self._set_up_errors.append((error, self._seen.faults))
        else:
            self._seen.faults += earlier

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Learn, from whatever worker, what hit a test; of several runs of it the last counts."""
        told = getattr(report, "llmreplay_chaos", None)
        if told is not None:
            self._tests[told["test"]] = {**told, "test": _as_seen_from(self._config, told["test"])}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Rank what broke."""
        if self._tests:
            for line in chaos_lines([*self._tests.values()], self._chaos.share, self._chaos.seed):
                terminalreporter.write_line(line)


def _as_seen_from(config: pytest.Config, node_id: str) -> str:
    """Write a test's id, which begins at the root, as pytest finds it where it was started."""
    # pytest's own way of doing so takes a text up to 9.1 and an object since.
    file, separator, names = node_id.partition("::")
    path = os.path.relpath(config.rootpath / file, config.invocation_params.dir)
    return f"{path.replace(os.sep, '/')}{separator}{names}"
