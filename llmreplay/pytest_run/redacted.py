"""Secrets out of what pytest says about a test: its error, its output, its warnings, its parameters' names."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from llmreplay.core.errors import SettingProblem
from llmreplay.core.redaction import Redactor
from llmreplay.providers import CATALOGUE
from llmreplay.session import Replay


class Shown:
    """Gives texts as they may be shown: without the secrets that the cassettes of a test know."""

    def __init__(self) -> None:
        self._of_test: list[Replay] = []
        self._lasting: list[Replay] = []

    def begin_test(self) -> None:
        """Forget the cassettes of the test before."""
        self._of_test = []

    def add(self, replay: Replay, *, is_lasting: bool = False) -> None:
        """Take a cassette's secrets into account: for this test, or, as a wide fixture's, for all that follow."""
        (self._lasting if is_lasting else self._of_test).append(replay)

    def __call__(self, text: str) -> str:
        """Give a text without secrets."""
        for replay in (*self._lasting, *self._of_test):
            text = replay.shown(text)
        return text


def redact_report(report: pytest.TestReport, redact: Callable[[str], str]) -> None:
    """Take secrets out of the report of a phase, before anybody prints, writes or sends it.

    Args:
        report: Changed in place. What cannot be redacted is left out, and the report says so.
        redact: Gives a text without its secrets.
    """
    try:
        _redact(report, redact)
    except SettingProblem as problem:
        if isinstance(report.longrepr, tuple):
            # A skip: pytest wants its place and reason.
            report.longrepr = (*report.longrepr[:2], f"Skipped: {problem.unshown}")
        elif report.longrepr is not None:
            report.longrepr = problem.unshown
        report.sections = [("llmreplay: output", problem.unshown)] if report.sections else []
        report.user_properties = []
        if hasattr(report, "wasxfail"):
            report.wasxfail = problem.unshown


def _redact(report: pytest.TestReport, redact: Callable[[str], str]) -> None:
    if report.longrepr is not None:
        text = report.longreprtext
        if redact(text) != text:
            report.longrepr = _without(report.longrepr, redact)
            left = report.longreprtext
            if redact(left) != left:
                # A secret over several lines is seen in the whole text alone.
                report.longrepr = redact(left)
    report.sections = [(redact(name), redact(content)) for name, content in report.sections]
    report.user_properties = [(redact(name), _shown(value, redact)) for name, value in report.user_properties]
    if isinstance(getattr(report, "wasxfail", None), str):
        report.wasxfail = redact(report.wasxfail)


def _shown(value: object, redact: Callable[[str], str]) -> object:
    """Give a value as it is, or its text if that holds a secret: as a text it is reported."""
    text = str(value)
    shown = redact(text)
    return value if shown == text else shown


def _without(value: Any, redact: Callable[[str], str]) -> Any:
    """Take secrets out of every text in pytest's representation of an error."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        changed = [_without(one, redact) for one in value]
        return changed if isinstance(value, list) else tuple(changed)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            setattr(value, field.name, _without(getattr(value, field.name), redact))
    return value


class RedactedLate:
    """A plugin that takes secrets out of what pytest adds late: warnings that it lists, the output of subtests."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Change a warning before anybody lists it."""
        text = str(warning_message.message)
        try:
            changed = self._redact(text)
        except SettingProblem as problem:
            changed = problem.unshown
        if changed != text:
            warning_message.message = warning_message.category(changed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Change the report of a subtest before anybody shows or sends it: its output was added after it was made."""
        if hasattr(report, "context"):
            redact_report(report, self._redact)
            _redact_description(report.context, self._redact)


def _redact_description(context: Any, redact: Callable[[str], str]) -> None:
    """Take secrets out of what a subtest is called."""
    try:
        msg = redact(context.msg) if isinstance(context.msg, str) else context.msg
        kwargs = {name: redact(value) if isinstance(value, str) else value for name, value in context.kwargs.items()}
    except SettingProblem as problem:
        msg, kwargs = problem.unshown, {}
    # Frozen, and its constructor would write the values down once more.
    object.__setattr__(context, "msg", msg)
    object.__setattr__(context, "kwargs", kwargs)


def parameter_id(value: object) -> str | None:
    """Name a parameter that holds a secret, so that no test id tells it; None for any other parameter."""
    if not isinstance(value, str):
        return None
    secrets = (os.environ.get(name, "") for name, _ in CATALOGUE.key_variables)
    text = Redactor(secrets).text(value)
    return text if text != value else None
