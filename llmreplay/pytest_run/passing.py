"""Whether a test has passed: told by all its reports, those of its subtests included."""

from __future__ import annotations

from unittest import SkipTest

import pytest

_HAS_PASSED = pytest.StashKey[bool]()


def begin_test(item: pytest.Item) -> None:
    """Forget what was reported when the test ran before."""
    if _HAS_PASSED in item.stash:
        del item.stash[_HAS_PASSED]


def note_report(item: pytest.Item, report: pytest.TestReport) -> None:
    """Take a report into account; each subtest has one of its own, before that of the whole test.

    A test that is skipped half way, or fails as expected, has passed: what it asked for will be asked for again.
    The report of the whole test says `passed` though a subtest failed: pytest changes it later, when it is shown.
    Source: _pytest/subtests.py, pytest_report_teststatus, of pytest 9.2 (read 2026-11-29).
    """
    if report.when == "call" or (report.when == "setup" and report.skipped):
        item.stash[_HAS_PASSED] = not report.failed and not has_failed(item)


def has_passed(item: pytest.Item) -> bool:
    """Say whether the call was reported, or skipped before it began, and nothing failed."""
    return item.stash.get(_HAS_PASSED, False)


def has_failed(item: pytest.Item) -> bool:
    """Say whether something of the call has failed so far."""
    return not item.stash.get(_HAS_PASSED, True)


def is_skip(error: BaseException | None) -> bool:
    """Say whether an exception skips a test."""
    return isinstance(error, pytest.skip.Exception | SkipTest)
