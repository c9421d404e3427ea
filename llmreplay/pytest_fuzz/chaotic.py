"""The plugin that lays faults over a share of all attempts of a suite, and tells what broke."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Self

import pytest

from llmreplay.core.errors import SettingError
from llmreplay.faults.chaos import Chaos
from llmreplay.pytest_fuzz.telling import chaos_lines
from llmreplay.session import AMBIENCES
from llmreplay.session.opened import OPEN

_SEEN = pytest.StashKey[dict[str, Any]]()


class Chaotic:
    """Lays faults over a share of all attempts of a suite."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self._before = AMBIENCES.at_random
        AMBIENCES.at_random = chaos

    @classmethod
    def told(cls, config: pytest.Config) -> Self:
        """Read the command line.

        Raises:
            pytest.UsageError: The share is none, or the suite is being recorded.
        """
        mode = config.getoption("llmreplay_mode") or "none"
        if mode not in ("none", "live"):
            raise pytest.UsageError(
                f"--llmreplay-chaos: faults are laid over recordings; with mode {mode} there are none."
            )
        try:
            return cls(Chaos(config.getoption("llmreplay_chaos"), config.getoption("llmreplay_seed") or 0))
        except SettingError as error:
            raise pytest.UsageError(f"--llmreplay-{error}") from None

    def pytest_unconfigure(self) -> None:
        """Take the faults back."""
        AMBIENCES.at_random = self._before

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Note what hit the test."""
        replay = OPEN.innermost
        try:
            return (yield)
        finally:
            if replay is not None:
                hits = [name for attempt in replay.calls.attempts for name in attempt.faults]
                item.stash[_SEEN] = {"test": item.nodeid, "faults": hits, "shown": replay.shown}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put into the report what hit the test, and whether it broke."""
        report = yield
        seen = item.stash.get(_SEEN, None)
        if report.when == "call" and seen is not None:
            told = call.excinfo.exconly(tryshort=True) if report.failed and call.excinfo is not None else ""
            why = seen["shown"](told).partition("\n")[0][:120]
            report.llmreplay_chaos = {  # type: ignore[attr-defined]
                "test": seen["test"],
                "faults": seen["faults"],
                "broke": report.failed,
                "why": why,
            }
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Rank what broke."""
        reports = (report for found in terminalreporter.stats.values() for report in found)
        tests = [report.llmreplay_chaos for report in reports if hasattr(report, "llmreplay_chaos")]
        if tests:
            for line in chaos_lines(tests, self._chaos.share, self._chaos.seed):
                terminalreporter.write_line(line)
