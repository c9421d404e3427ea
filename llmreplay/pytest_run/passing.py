"""How a test went: told by all its reports, those of its subtests included; and whether its recording is to be kept."""

from __future__ import annotations

from unittest import SkipTest

import pytest

from llmreplay.core.errors import CassetteError
from llmreplay.core.settings import Mode
from llmreplay.session import Replay
from llmreplay.storage.files import load

_OUTCOMES = pytest.StashKey[set[str]]()
_EXPECTED = "xfailed"


def begin_test(item: pytest.Item) -> None:
    """Forget what was reported when the test ran before."""
    item.stash[_OUTCOMES] = set()


def has_begun(item: pytest.Item) -> bool:
    """Say whether the test was seen to begin: one that a marker skips never does."""
    return _OUTCOMES in item.stash


def note_report(item: pytest.Item, report: pytest.TestReport) -> None:
    """Take a report into account; each subtest has one of its own, before that of the whole test.

    The report of the whole test says `passed` though a subtest failed: pytest changes it later, when it is shown.
    Source: _pytest/subtests.py, pytest_report_teststatus, of pytest 9.2 (read 2026-11-29).
    """
    if report.when == "call" or (report.when == "setup" and report.skipped and has_begun(item)):
        is_expected_failure = hasattr(report, "wasxfail") and not report.failed
        item.stash.setdefault(_OUTCOMES, set()).add(_EXPECTED if is_expected_failure else report.outcome)


def has_failed(item: pytest.Item) -> bool:
    """Say whether something of the call has failed so far."""
    return "failed" in item.stash.get(_OUTCOMES, ())


def is_to_be_kept(item: pytest.Item, replay: Replay) -> bool:
    """Say whether a test went as it will go again, so that what it recorded is what it will ask for.

    It may fail as expected, or skip half way, unless it recorded less than stands because of that.
    """
    may_have_stopped = not item.stash.get(_OUTCOMES, set()).isdisjoint({"skipped", _EXPECTED})
    return has_gone_well(item) and not (may_have_stopped and records_less_than_stands(replay))


def has_gone_well(item: pytest.Item) -> bool:
    """Say whether the call was reported, or skipped before it began, and nothing failed."""
    return bool(item.stash.get(_OUTCOMES, ())) and not has_failed(item)


def records_less_than_stands(replay: Replay) -> bool:
    """Say whether a cassette is recorded afresh and has fewer interactions by now than the one it would replace."""
    recorder = replay.recorder
    if recorder.settings.mode is not Mode.REWRITE or recorder.settings.accept:
        return False
    try:
        return len(recorder.recorded) < len(load(replay.path) or ())
    except CassetteError:
        # Said when it is saved.
        return False


def is_skip(error: BaseException | None) -> bool:
    """Say whether an exception skips a test."""
    return isinstance(error, pytest.skip.Exception | SkipTest)
