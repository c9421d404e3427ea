"""The pytest plugin: hooks that call the library. Nothing of it is imported until a test asks for it."""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from llmreplay.pytest_options import in_ini, is_anything_said, register

if TYPE_CHECKING:
    from llmreplay.pytest_run import Run
    from llmreplay.session import Replay

_RUN = pytest.StashKey["Run"]()
_SESSION_KEYS = pytest.StashKey[Any]()
_TALLIES: pytest.StashKey[Any] = pytest.StashKey()
_NAMES_OURS = pytest.StashKey[bool]()
_BEGAN_NS = pytest.StashKey[int]()
_UNDER_WAY: list[pytest.Config] = []
_FUZZED = ("llmreplay_fuzz", "llmreplay_invariant")
_BEGAN, _LEFT = "llmreplay_began_ns", "llmreplay_left"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register every setting as ini, and those that make sense on the command line."""
    register(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set placeholder keys before anything is imported, where the user asked for them for the whole session."""
    said = os.environ.get("LLMREPLAY_PLACEHOLDER_KEYS") or in_ini(early_config, "placeholder_keys")
    if said == "session":
        from llmreplay.pytest_run import session_placeholder_keys

        early_config.stash[_SESSION_KEYS] = session_placeholder_keys()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and check what was said on the command line and in the ini file."""
    config.addinivalue_line(
        "markers",
        "llmreplay(**settings): record and replay the LLM calls of a test; the settings are those of use_cassette().",
    )
    config.addinivalue_line("markers", f"{_FUZZED[0]}(**settings): run the test under faults over its own recording.")
    config.addinivalue_line("markers", f"{_FUZZED[1]}(**settings): run it with its streams in other chunks, and late.")
    if config.getoption("llmreplay_chaos") is not None:
        from llmreplay.pytest_fuzz import Chaotic

        config.pluginmanager.register(Chaotic.told(config))
    _UNDER_WAY.append(config)
    if is_anything_said(config) or any(name.startswith("LLMREPLAY_") for name in os.environ):
        _run_of(config).begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the session's placeholder keys and guard back."""
    if _SESSION_KEYS in config.stash:
        config.stash[_SESSION_KEYS].uninstall()
    if config.stash.get(_RUN, None) is not None:
        config.stash[_RUN].close()
    if config in _UNDER_WAY:
        _UNDER_WAY.remove(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist when the run began, so that it knows what the others recorded in it."""
    node.workerinput[_BEGAN] = node.config.stash.setdefault(_BEGAN_NS, time.time_ns())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Learn from a worker what no report of it took along."""
    left = getattr(node, "workeroutput", {})
    node.config.stash.setdefault(_TALLIES, []).extend([left[_LEFT]] if _LEFT in left else [])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close what an interrupt left open, after the last fixture."""
    tally = session.config.stash[_RUN].finish() if _RUN in session.config.stash else None
    if tally is not None and hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_LEFT] = tally
    elif tally is not None:
        session.config.stash.setdefault(_TALLIES, []).append(tally)


@pytest.hookimpl(wrapper=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None, None, None]:
    """Note that the parameters of a test of ours are being named."""
    is_ours = "llmreplay" in metafunc.fixturenames or metafunc.definition.get_closest_marker("llmreplay") is not None
    metafunc.config.stash[_NAMES_OURS] = is_ours
    try:
        yield
    finally:
        metafunc.config.stash[_NAMES_OURS] = False


@pytest.hookimpl(tryfirst=True)
def pytest_make_parametrize_id(config: pytest.Config, val: object) -> str | None:
    """Name a parameter that holds a secret, so that the test's id does not tell it."""
    if not isinstance(val, str) or not config.stash.get(_NAMES_OURS, False):
        return None
    from llmreplay.pytest_run import parameter_id

    return parameter_id(val)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Say what helps a client that found no key when a module of tests was imported."""
    report = yield
    is_about_keys = report.failed and "key" in report.longreprtext.lower()
    if is_about_keys and _SESSION_KEYS not in collector.config.stash:
        from llmreplay.pytest_run import advise_on_keys

        advise_on_keys(report)
    return report


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find the fixtures wider than a function that tests of ours use: they own cassettes."""
    ours = [item for item in session.items if _uses(item)]
    if ours:
        _run_of(session.config).own_wide_fixtures(ours)
    if any(item.get_closest_marker(name) is not None for item in ours for name in _FUZZED):
        from llmreplay.pytest_fuzz import Fuzzing

        session.config.pluginmanager.register(Fuzzing(session.config.getoption("llmreplay_seed")))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open the test's cassette before its first fixture, unless it is skipped."""
    # A test that only calls `use_cassette` is to hear what the run was told, too.
    if _uses(item) or "llmreplay.session" in sys.modules:
        run = _run_of(item.config)
        run.enter_phase(item, "setup")
        if _uses(item):
            run.open(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Take a refusal out of the group of exceptions that a task group of the test makes of it."""
    run = pyfuncitem.config.stash.get(_RUN, None)
    if run is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return (yield)
    with run.ungrouping(pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Raise in the call phase what the test swallowed."""
    if _RUN in item.config.stash:
        item.config.stash[_RUN].enter_phase(item, "call")
    result = yield
    # It may have been the test itself that asked for us.
    if _RUN in item.config.stash:
        item.config.stash[_RUN].verify(item)
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Close the test's cassette after its last fixture."""
    run = item.config.stash.get(_RUN, None)
    if run is None:
        return (yield)
    run.enter_phase(item, "teardown")
    try:
        result = yield
    except BaseException:
        run.close_item(item, passed=False)
        raise
    run.close_item(item, passed=True)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Give a fixture wider than a function its own cassette while it is set up."""
    run = request.config.stash.get(_RUN, None)
    if run is None or not run.owns(fixturedef, request):
        return (yield)
    try:
        set_up = run.open_fixture(fixturedef, request)
        try:
            result = yield
        except BaseException as error:
            run.close_fixture(fixturedef, error)
            raise
        run.close_fixture(fixturedef, None)
    except (Exception, pytest.fail.Exception) as failure:
        # Whoever asks for it next is to hear the same, and a rerun is to set it up anew; pytest kept its value.
        key = fixturedef.cache_key(request)  # type: ignore[arg-type]
        fixturedef.cached_result = (None, key, (failure, failure.__traceback__))
        raise
    set_up()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Learn whether the test passed, and add what was replayed to its report."""
    run = item.config.stash.get(_RUN, None)
    if run is None:
        return (yield)
    run.before_report(item, call)
    report = yield
    run.after_report(item, report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line what was replayed, recorded and refused."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    tallies = [report.llmreplay for report in reports if hasattr(report, "llmreplay")]
    tallies += config.stash.get(_TALLIES, [])
    if tallies:
        from llmreplay.report.summary import summary_lines

        for line in summary_lines(tallies):
            terminalreporter.write_line(line)


@pytest.fixture
def llmreplay(request: pytest.FixtureRequest) -> Replay:
    """Record and replay the LLM calls of this test; `llmreplay.calls` tells what was asked and answered."""
    return _run_of(request.config).replay_of(request.node)


def begin_run() -> None:
    """Begin our part of the innermost run, if it has not begun: a test that imports us may be the first to need it."""
    if _UNDER_WAY:
        _run_of(_UNDER_WAY[-1])


def _uses(item: pytest.Item) -> bool:
    asks = "llmreplay" in getattr(item, "fixturenames", ())
    return asks or any(item.get_closest_marker(name) is not None for name in ("llmreplay", *_FUZZED))


def _run_of(config: pytest.Config) -> Run:
    if _RUN not in config.stash:
        from llmreplay.pytest_run import Run

        config.stash[_RUN] = Run(config, began_ns=getattr(config, "workerinput", {}).get(_BEGAN, 0))
    return config.stash[_RUN]
