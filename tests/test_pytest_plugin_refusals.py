"""Refusals in pytest: they fail the test that caused them, at once, whoever catches them, and no other test."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

SDKS = """
import anthropic, openai

MESSAGES = [{"role": "user", "content": "never recorded"}]

def anthropic_sync():
    anthropic.Anthropic(api_key="k").messages.create(model="claude-haiku-4-5", max_tokens=9, messages=MESSAGES)

def openai_sync():
    openai.OpenAI(api_key="k").chat.completions.create(model="gpt-5-mini", messages=MESSAGES)

async def anthropic_async():
    async with anthropic.AsyncAnthropic(api_key="k") as client:
        await client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=MESSAGES)

async def openai_async():
    async with openai.AsyncOpenAI(api_key="k") as client:
        await client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES)
"""


@pytest.fixture
def failed(suite):
    """Run the given test, in which nothing is recorded; it must fail with a refusal. Give the run's output."""

    def run(passed=0, **files):
        suite.pytester.makepyfile(sdks=SDKS, **files)
        result = suite.run("-rA")
        outcomes = result.parseoutcomes()
        assert outcomes.get("errors", 0) == 0, "a refusal was reported as an error of set-up or teardown"
        assert outcomes.get("passed", 0) == passed
        return result

    return run


def test_a_refusal_reaches_the_test_as_itself_from_every_sdk(suite, failed):
    """Neither SDK wraps it or tries again: one attempt, no wait, and the class that tells what happened."""
    suite.plugins.append("asyncio")
    suite.ini("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function")

    result = failed(
        test_a="""
        import pytest, sdks

        @pytest.mark.parametrize("name", ["anthropic_sync", "openai_sync"])
        def test_sync(llmreplay, name):
            try:
                getattr(sdks, name)()
            finally:
                print(name, len(llmreplay.calls.attempts), llmreplay.calls.waits_s)

        @pytest.mark.parametrize("name", ["anthropic_async", "openai_async"])
        async def test_async(llmreplay, name):
            try:
                await getattr(sdks, name)()
            finally:
                print(name, len(llmreplay.calls.attempts), llmreplay.calls.waits_s)
        """
    )

    result.assert_outcomes(failed=4)
    for name in ("anthropic_sync", "openai_sync", "anthropic_async", "openai_async"):
        result.stdout.fnmatch_lines([f"{name} 1 [[]]"])
    assert result.stdout.str().count("no recorded interaction matches this request.") >= 4
    result.stdout.no_fnmatch_line("*Connection error*")
    result.stdout.no_fnmatch_line("*httpx2*")


@pytest.mark.parametrize(
    "body",
    [
        "try: ask()\n    except BaseException: pass",
        "with pytest.raises(BaseException): ask()",
        "with contextlib.suppress(BaseException): ask()",
        "thread = threading.Thread(target=swallow); thread.start(); thread.join()",
        "with ThreadPoolExecutor() as pool: pool.submit(ask).exception()",
    ],
    ids=["except", "raises", "suppress", "thread", "pool"],
)
def test_a_refusal_that_was_swallowed_fails_the_call_phase(failed, body):
    """A test that caught the refusal fails at its end, with the refusal, and in its call phase."""
    result = failed(
        test_a=f"""
import contextlib, threading
from concurrent.futures import ThreadPoolExecutor
import pytest
from asking import ask

def swallow():
    with contextlib.suppress(BaseException):
        ask()

def test_it(llmreplay):
    {body}

def test_innocent(llmreplay):
    pass
""",
        passed=1,
    )

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*no recorded interaction matches this request.*"])


def test_a_thread_that_dies_of_a_refusal_fails_the_test(failed):
    """A refusal in a thread that nobody asks about is not lost."""
    result = failed(
        test_a="""
        import threading
        from asking import ask

        def test_it(llmreplay):
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
        """
    )

    result.assert_outcomes(failed=1, warnings=1)
    result.stdout.fnmatch_lines(["*no recorded interaction matches this request.*"])


def test_tasks_and_groups_carry_a_refusal_to_the_test(suite, failed):
    """Gathered, grouped and forgotten tasks of asyncio and anyio fail the test, not the loop of its neighbours."""
    suite.plugins += ["asyncio", "anyio"]
    suite.ini("asyncio_mode = strict", "asyncio_default_fixture_loop_scope = function")

    result = failed(
        test_asyncio="""
        import asyncio, pytest
        from asking import ask_async

        pytestmark = pytest.mark.asyncio

        async def test_gather(llmreplay):
            await asyncio.gather(ask_async("a"), ask_async("b"), return_exceptions=True)

        async def test_task_group(llmreplay):
            async with asyncio.TaskGroup() as group:
                group.create_task(ask_async())

        async def test_wait_for(llmreplay):
            await asyncio.wait_for(ask_async(), 5)

        async def test_to_thread(llmreplay):
            from asking import ask
            await asyncio.to_thread(ask)

        async def test_innocent(llmreplay):
            pass
        """,
        test_anyio="""
        import anyio, pytest
        from asking import ask_async

        pytestmark = pytest.mark.anyio

        @pytest.fixture(scope="module")
        def anyio_backend():
            return "asyncio"

        @pytest.fixture(scope="module")
        async def shared(anyio_backend):
            yield 1

        async def test_direct(llmreplay, shared):
            await ask_async()

        async def test_task_group(llmreplay, shared):
            async with anyio.create_task_group() as group:
                group.start_soon(ask_async)

        async def test_innocent(llmreplay, shared):
            assert shared == 1
        """,
        passed=2,
    )

    result.assert_outcomes(failed=6, passed=2)
    for name in ("gather", "task_group", "wait_for", "to_thread"):
        result.stdout.fnmatch_lines([f"FAILED test_asyncio.py::test_{name}*"])


def test_every_finalizer_runs_after_a_refusal(failed, suite):
    """Fixtures of all scopes are torn down, and the next test is set up as ever."""
    result = failed(
        test_a="""
        import pytest, unittest
        from asking import ask

        @pytest.fixture(scope="module", autouse=True)
        def wide():
            yield
            print("wide is down")

        @pytest.fixture
        def narrow():
            yield
            print("narrow is down")

        def test_it(llmreplay, narrow):
            ask()

        @pytest.mark.llmreplay
        class TestOld(unittest.TestCase):
            def tearDown(self):
                print("tearDown ran")

            def test_it(self):
                ask()

            def test_swallowed(self):
                with self.assertRaises(BaseException):
                    ask()

            def test_innocent(self):
                pass
        """,
        passed=1,
    )

    result.assert_outcomes(failed=3, passed=1)
    result.stdout.fnmatch_lines_random(["narrow is down", "wide is down", "tearDown ran"])


def test_a_refusal_in_set_up_is_an_error_of_that_test_alone(suite):
    """A fixture that asks what is not recorded breaks the tests that use it, and says why."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture
        def answer():
            return ask()

        @pytest.fixture
        def swallowing():
            try:
                ask()
            except BaseException:
                pass

        def test_it(llmreplay, answer):
            pass

        def test_swallowed(llmreplay, swallowing):
            pass

        def test_innocent(llmreplay):
            pass
        """
    )

    result = suite.run("-rA")

    result.assert_outcomes(errors=1, failed=1, passed=1)
    result.stdout.fnmatch_lines(["*ERROR at setup of test_it*", "*no recorded interaction matches*"])


def test_a_refusal_that_a_teardown_swallows_is_not_lost(suite):
    """What is refused after the call phase fails the test as an error of its teardown."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture
        def farewell():
            yield
            try:
                ask("bye")
            except BaseException:
                pass

        def test_it(llmreplay, farewell):
            pass

        def test_innocent(llmreplay):
            pass
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", "*no recorded interaction matches*"])


def test_a_child_process_that_was_refused_fails_the_call_phase(failed):
    """What a child was refused is told at the end of the test, though the child kept it to itself."""
    result = failed(
        test_a="""
        import subprocess, sys

        def test_it(llmreplay):
            subprocess.run([sys.executable, "child.py"], check=True)

        def test_innocent(llmreplay):
            pass
        """,
        child="""
        import socket
        try:
            socket.create_connection(("192.0.2.1", 443), timeout=0.01)
        except BaseException:
            pass
        """,
        passed=1,
    )

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*192.0.2.1*"])


def test_on_unmatched_rules_what_was_swallowed(suite):
    """A test may swallow refusals on purpose, if it says so; warned of, or in silence."""
    suite.pytester.makepyfile(
        test_a="""
        import contextlib, pytest
        from asking import ask

        def act():
            with contextlib.suppress(BaseException):
                ask()

        @pytest.mark.llmreplay(on_unmatched="ignore")
        def test_ignored():
            act()

        @pytest.mark.llmreplay(on_unmatched="warn")
        def test_warned():
            act()
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*LlmReplayWarning: no recorded interaction matches this request.*"])


def test_an_expected_failure_may_be_a_refusal(suite):
    """A refusal inside a test marked xfail is the failure that was expected, and nothing more."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.xfail(reason="not recorded yet")
        def test_it(llmreplay):
            ask()

        @pytest.mark.xfail(reason="not recorded yet", strict=True)
        def test_swallowed(llmreplay):
            try:
                ask()
            except BaseException:
                pass
        """
    )

    suite.run().assert_outcomes(xfailed=2)


def test_reruns_start_with_a_fresh_cassette(suite):
    """A rerun gets every recording again, and a rerun of a recording starts it afresh."""
    suite.plugins.append("rerunfailures")
    suite.pytester.makepyfile(
        test_a="""
        from pathlib import Path
        from asking import ask

        def test_it(llmreplay):
            ask("one")
            tried = Path("tried")
            if not tried.exists():
                tried.touch()
                assert False, "the first time"
            tried.unlink()
            ask("two")
        """
    )

    recorded = suite.record("--reruns", "2")
    replayed = suite.run("--reruns", "2")

    for result in (recorded, replayed):
        assert result.parseoutcomes() == {"passed": 1, "rerun": 1}
    assert suite.prompts("test_a/test_it.json") == ["one", "two"]
    assert "no cassette was made" not in recorded.stdout.str()
    assert suite.others == []


def test_hypothesis_shrinks_a_refusal_like_any_failure(suite, failed):
    """A property that asks what is not recorded fails with the refusal and its falsifying example."""
    suite.plugins.append("hypothesispytest")

    result = failed(
        test_a="""
        from hypothesis import HealthCheck, given, settings, strategies
        from asking import ask

        @settings(max_examples=20, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(number=strategies.integers(0, 100))
        def test_it(llmreplay, number):
            if number >= 10:
                ask("large")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no recorded interaction matches*"])
    assert "number=10," in result.stdout.str()


def test_two_recorders_on_one_test_are_refused(suite):
    """A test marked for us and for another recorder says so; another's autouse fixture is nobody's business."""
    suite.pytester.makeconftest(
        """
        import pytest

        def pytest_configure(config):
            config.addinivalue_line("markers", "vcr: of another plugin")

        @pytest.fixture(autouse=True)
        def vcr():
            yield
        """
    )
    suite.pytester.makepyfile(
        test_a="""
        import pytest

        @pytest.mark.vcr
        def test_marked(llmreplay):
            pass

        def test_asks(llmreplay, vcr):
            pass

        def test_innocent(llmreplay):
            pass
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            "LlmReplayError: test_a.py::test_marked is recorded twice: by llmreplay and by another recorder (`vcr`).",
            "  Take away @pytest.mark.vcr, or llmreplay's fixture and marker.",
        ]
    )


def test_a_refusal_reaches_the_test_out_of_a_worker_process(suite, failed):
    """A pool of processes hands it over with its class and its whole text."""
    result = failed(
        test_a="""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        import sdks

        def test_a(llmreplay):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
                pool.submit(sdks.anthropic_sync).result()
        """,
        passed=0,
    )

    result.stdout.fnmatch_lines(["*UnmatchedRequest: no recorded interaction matches this request.*"])
    result.stdout.fnmatch_lines(["*request   POST https://api.anthropic.com/v1/messages*"])
    result.stdout.no_fnmatch_line("*PicklingError*")
