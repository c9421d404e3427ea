"""What a run adds to pytest's reports: its tallies, the story of a failed test, a traceback without strangers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmreplay.core.errors import Refusal, SettingProblem
from llmreplay.providers import CATALOGUE
from llmreplay.pytest_run.missing_keys import advise_on_client
from llmreplay.report.failing import keep_own_frames
from llmreplay.report.summary import tally_of
from llmreplay.session import Replay

_PACKAGE = Path(__file__).parents[1]
_KEYS = CATALOGUE.key_variables


class Tallies:
    """What was replayed and recorded since the last report."""

    def __init__(self) -> None:
        self._waiting: list[dict[str, Any]] = []

    def add(self, replay: Replay) -> None:
        """Count what a cassette that was closed has served."""
        self._waiting.append(tally_of(replay.calls, replay.notes, replay.asides))

    def taken(self) -> dict[str, Any] | None:
        """Give what was counted, added up, and begin anew; None if nothing was."""
        waiting, self._waiting = self._waiting, []
        return _added(waiting) if waiting else None


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
        "asides": {note: path for tally in tallies for note, path in tally["asides"].items()},
    }


def keep_users_frames(call: pytest.CallInfo[None], root: Path) -> None:
    """Leave only the user's own frames in the traceback of a refusal."""
    if call.excinfo is not None and isinstance(call.excinfo.value, Refusal):
        keep_own_frames(call.excinfo.value, lambda file: _is_under(file, root))
        call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)


def tell_refusals(replay: Replay, report: pytest.TestReport) -> None:
    """Show what was refused in a test that failed with something else: a framework made another error of it."""
    said = report.longreprtext if report.failed else ""
    for refusal in replay.recorder.refusals if report.failed else ():
        text = _shown(replay, refusal.__str__)
        # What is raised to the test tells itself; of the others one is enough, for they are retries.
        if text.partition("\n")[0] not in said:
            report.sections.append((f"llmreplay: {type(refusal).__name__}", text))
            return


def tell_story(replay: Replay, report: pytest.TestReport) -> None:
    """Show the attempts of a test that failed, unless its message shows them already."""
    if report.failed and len(replay.calls):
        table = _shown(replay, lambda: replay.calls.table())
        # pytest indents what a check says, so that its table is found line by line only.
        said = report.longreprtext
        if not all(line.strip() in said for line in table.splitlines()):
            report.sections.append(("llmreplay: attempts", table))
    elif report.failed and replay.recorder.is_offline:
        advise_on_client(report)
    elif report.failed and replay.recorder.records and not any(os.environ.get(name) for name, _ in _KEYS):
        # No SDK starts without a key, and each says so in its own words.
        names = ", ".join(name for name, placeholder in _KEYS if placeholder)
        report.sections.append(("llmreplay: recording needs a key", f"none of these is set: {names}"))


def _shown(replay: Replay, tell: Callable[[], str]) -> str:
    """Give a text without secrets, or what may be shown where a function of the user's that finds them has failed."""
    try:
        return replay.shown(tell())
    except SettingProblem as problem:
        return problem.unshown


def _is_under(file: str, root: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(root) and "site-packages" not in path.parts and not path.is_relative_to(_PACKAGE)
