"""What a cassette in use is made of, from its settings."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from llmreplay.core.errors import Refusal
from llmreplay.core.faulting import Faulting
from llmreplay.core.matching import Rules, rules_from
from llmreplay.core.normalize import READY_MADE, tmp_path_below
from llmreplay.core.reading import summary_of
from llmreplay.core.recording import redacted
from llmreplay.core.redaction import Redactor
from llmreplay.core.remedy import Remedy
from llmreplay.core.settings import Settings
from llmreplay.core.surroundings import Surroundings
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.providers import CATALOGUE, SECRET_HEADERS
from llmreplay.report.explain import differences_between
from llmreplay.report.prices import price_of
from llmreplay.session.ambience import AMBIENCES
from llmreplay.session.scenarios import described, scenario_of
from llmreplay.storage.tape import Tape, TapeRules

# An entry of `redact` that names an environment variable, whose value is hunted.
_VARIABLE = "env:"


class LlmReplayWarning(UserWarning):
    """Something that deserves a look and fails nothing."""


def check(settings: Settings) -> None:
    """Hold settings to what only their use would show.

    Raises:
        SettingError: A path, a pattern, a normaliser or a scenario that cannot be read.
    """
    rules_for(settings)
    redactor_for(settings)
    faulting_for(settings, "")


def rules_for(settings: Settings) -> Rules:
    """Make the rules of matching."""
    return rules_from(
        settings.ignore,
        settings.normalize,
        apis=CATALOGUE.apis,
        feature_headers=CATALOGUE.feature_headers,
        ready_made={**READY_MADE, "tmp_path": tmp_path_below(_temporary_folders())},
    )


def _temporary_folders() -> list[str]:
    """List where pytest and tempfile put what is temporary, in this run."""
    base = AMBIENCES.current.base_temp
    named = [os.environ.get("PYTEST_DEBUG_TEMPROOT"), tempfile.gettempdir(), None if base is None else str(base)]
    return [str(Path(folder).absolute()) for folder in named if folder]


def redactor_for(settings: Settings) -> Redactor:
    """Make a redactor that knows the keys in the environment and the providers' secret headers."""
    return Redactor(
        (os.environ.get(name, "") for name in (*dict(CATALOGUE.key_variables), *_variables(settings))),
        redact=[entry for entry in settings.redact if not _is_variable(entry)],
        keep=settings.keep,
        allowed_request_headers=CATALOGUE.feature_headers,
        secret_headers=SECRET_HEADERS,
    )


def _variables(settings: Settings) -> list[str]:
    return [str(entry).removeprefix(_VARIABLE) for entry in settings.redact if _is_variable(entry)]


def _is_variable(entry: object) -> bool:
    return isinstance(entry, str) and entry.startswith(_VARIABLE)


def tape_for(path: Path, settings: Settings, redactor: Redactor, run_began_ns: int, remedy: Remedy) -> Tape:
    """Make the tape of a cassette's file; nothing is read yet."""
    rules = TapeRules(
        mode=settings.mode,
        accept=settings.accept,
        to_accept=remedy.to_accept,
        is_shared=settings.cassette is not None,
        fails_unplayed=settings.on_unplayed == "error",
        run_began_ns=run_began_ns,
        summarise=functools.partial(summary_of, CATALOGUE.apis),
        redacted=functools.partial(redacted, redactor),
        scan=redactor.scan,
    )
    tape = Tape(path, rules)
    unset = [name for name in _variables(settings) if not os.environ.get(name)]
    if unset and settings.records(is_there=path.exists()):
        tape.notes.append(f"redact: {', '.join(unset)} is not set, so nothing was looked for in its place.")
    return tape


def surroundings_for(
    rules: Rules,
    redactor: Redactor,
    clock: VirtualClock,
    tape: Tape,
    as_raised: Callable[[Refusal], BaseException],
    remedy: Remedy,
) -> Surroundings:
    """Give a recorder what it needs from outside the core."""
    return Surroundings(
        now=clock.now,
        time=clock.time,
        utc_now=utc_now,
        explain=functools.partial(differences_between, rules, redactor.text),
        as_raised=functools.partial(_of_process, os.getpid(), as_raised),
        price_of=price_of,
        keep=tape.keep,
        rewrite=tape.rewrite,
        remedy=remedy,
    )


def _of_process(pid: int, as_raised: Callable[[Refusal], BaseException], refusal: Refusal) -> BaseException:
    """Make the exception of a refusal, which says so in a process that was forked from the test's."""
    raised = as_raised(refusal)
    if os.getpid() != pid:
        raised.add_note(
            "  process   forked from the test's: calls of child processes are neither recorded nor replayed"
        )
    return raised


def faulting_for(settings: Settings, label: str) -> Faulting:
    """Make the faults in use; `label` names the test."""
    faulting = Faulting(label=label, describe=described)
    faulting.inject(scenario_of(settings.faults).injections)
    return faulting


def as_raised_here(refusal: Refusal) -> BaseException:
    """Give the exception that the running test runner understands."""
    if "PYTEST_CURRENT_TEST" in os.environ and "pytest" in sys.modules:
        from llmreplay.report.failing import as_test_failure

        return as_test_failure(refusal)
    return refusal


def relative(path: Path, root: Path) -> str:
    """Write a path as seen from the root, where it lies below it."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return str(path)


def utc_now() -> str:
    """Give the time of day: `2026-11-21T09:14:03Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
