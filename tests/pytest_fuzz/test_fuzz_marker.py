"""The fuzz marker from outside: an existing test as a property over its own recording."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

PATIENT = """
import time
import httpx2
from asking import CLIENT

class AppError(Exception):
    pass

BODY = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}

def post(text="hi", tries=1):
    body = {**BODY, "messages": [{"role": "user", "content": text}]}
    for _ in range(tries):
        try:
            response = CLIENT.post("https://api.anthropic.com/v1/messages", json=body, headers={"x-api-key": KEY})
            if response.status_code == 200:
                return response.json()["content"][0]["text"]
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            pass
    raise AppError("no answer")
"""


@pytest.fixture
def fuzzed(suite):
    """Give a suite whose application turns every trouble into its own exception."""
    suite.pytester.makepyfile(patient=PATIENT.replace("KEY", "'k'"))
    return suite


def recorded(suite, source, tests=1):
    """Write a test file and record it; give the suite."""
    suite.pytester.makepyfile(test_a=source)
    suite.record().assert_outcomes(passed=tests)
    return suite


def test_the_smallest_scenario_is_printed_as_a_marker_that_fails_on_its_own(fuzzed):
    """An application that does not look at the status fails under one fault; with the printed marker it fails again."""
    source = """
        import pytest
        from asking import ask

        {marker}
        def test_one():
            assert "hi" in ask("hi")
        """
    fuzz = "@pytest.mark.llmreplay_fuzz(max_examples=40, kinds='status', seed=1)"
    found = recorded(fuzzed, source.format(marker=fuzz)).run()

    found.assert_outcomes(failed=1)
    printed = [line.strip() for line in found.outlines if "@pytest.mark.llmreplay(faults=" in line]
    assert printed == ['@pytest.mark.llmreplay(faults="429@1")']
    found.stdout.fnmatch_lines(
        [
            "*def test_one():*",
            "The test passes without faults and fails under the smallest scenario that was found:",
            "*The first scenario that failed was number 1 (seed 1).",
        ]
    )
    fuzzed.pytester.makepyfile(test_a=source.format(marker=printed[0]))
    fuzzed.run().assert_outcomes(failed=1)


def test_an_application_that_handles_errors_passes_and_the_scenarios_are_counted(fuzzed):
    """An allowed exception is no failure; the line at the end says what was tried."""
    suite = recorded(
        fuzzed,
        """
        import pytest
        from patient import AppError, post

        @pytest.mark.llmreplay_fuzz(max_examples=25, allowed=(AppError,), seed=3)
        def test_one():
            assert "hi" in post()
        """,
    )

    result = suite.run()

    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines(
        [r"llmreplay: test_a\.py::test_one: fuzzed with \d+ scenarios: .*\d+ raised what is allowed.*\(seed 3\)\."]
    )


def test_a_test_that_fails_without_faults_is_reported_as_it_is(fuzzed):
    """What fails plainly is no finding of the fuzzer, and is not run again."""
    suite = recorded(
        fuzzed,
        """
        import pytest
        from patient import post

        RUNS = []

        @pytest.mark.llmreplay_fuzz(max_examples=10)
        def test_one(request):
            RUNS.append(1)
            assert "hi" in post()
            assert request.config.getoption("llmreplay_mode") == "once", f"run {len(RUNS)}"
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: run 1*"])
    result.stdout.no_fnmatch_line("*smallest scenario*")


@pytest.mark.parametrize(
    ("verdict", "outcomes", "line"),
    [
        ("discard", {"passed": 1}, "*discarded, as they asked for what was never recorded*"),
        ("fail", {"failed": 1}, "*UnmatchedRequest*"),
        ("answer", {"passed": 1}, "*fuzzed with * scenarios*"),
    ],
)
def test_a_request_that_was_never_recorded_is_a_verdict_of_its_own(fuzzed, verdict, outcomes, line):
    """A fallback that nobody recorded is discarded, fails or is answered, as the marker says."""
    suite = recorded(
        fuzzed,
        f"""
        import pytest
        from patient import AppError, post

        @pytest.mark.llmreplay_fuzz(
            max_examples=12, kinds="transport", allowed=AppError, on_unmatched="{verdict}", seed=1
        )
        def test_one():
            try:
                post("hi")
            except AppError:
                post("the fallback")
        """,
    )

    result = suite.run()

    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([line])


def test_a_run_that_is_skipped_is_counted_as_skipped(fuzzed):
    """A body that skips itself under a fault asked for nothing that was not recorded."""
    suite = recorded(
        fuzzed,
        """
        import pytest
        from patient import AppError, post

        @pytest.mark.llmreplay_fuzz(max_examples=5, kinds="transport", seed=1)
        def test_one():
            try:
                post()
            except AppError:
                pytest.skip("the provider is down")
        """,
    )

    result = suite.run()

    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r".*fuzzed with \d+ scenarios: \d+ skipped \(seed 1\)\."])


def test_everything_is_rewound_between_two_scenarios(fuzzed):
    """In every run the call log begins empty, stubs are gone, and the clock stands where it stood."""
    suite = recorded(
        fuzzed,
        """
        import time
        import pytest
        from patient import AppError, post

        @pytest.mark.llmreplay_fuzz(max_examples=15, allowed=AppError, seed=2, kinds=("status", "transport"))
        def test_one(llmreplay):
            assert len(llmreplay.calls) == 0
            llmreplay.reply("made up", when=lambda request: b"second" in request.body)
            try:
                post("hi", tries=2)
            finally:
                assert sum(len(call.attempts) for call in llmreplay.calls) in (1, 2)
                assert len(llmreplay.calls) == 1
            assert post("second") == "made up"
        """,
    )

    suite.run().assert_outcomes(passed=1)


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_async_tests_are_fuzzed_alike(fuzzed, plugin):
    """A coroutine is run under scenarios by the plugin that runs it, and its failure is found."""
    fuzzed.plugins += [{"asyncio": "pytest_asyncio.plugin", "anyio": "anyio"}[plugin]]
    if plugin == "asyncio":
        fuzzed.ini("asyncio_default_fixture_loop_scope = function")
    backend = "\n        @pytest.fixture\n        def anyio_backend():\n            return 'asyncio'\n" * (
        plugin == "anyio"
    )
    suite = recorded(
        fuzzed,
        f"""
        import pytest
        from asking import ask_async
        {backend}
        @pytest.mark.{plugin}
        @pytest.mark.llmreplay_fuzz(max_examples=10, kinds="status", seed=1)
        async def test_one():
            assert "hi" in await ask_async("hi")
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*@pytest.mark.llmreplay(faults="429@1")'])


def test_methods_and_parametrized_tests_are_fuzzed_each_by_itself(fuzzed):
    """Each case is searched over its own recording."""
    suite = recorded(
        fuzzed,
        """
        import pytest
        from asking import ask
        from patient import AppError, post

        @pytest.mark.llmreplay_fuzz(max_examples=8, kinds="status", seed=1, allowed=AppError)
        class TestIt:
            @pytest.mark.parametrize("answer", [ask, post], ids=["careless", "careful"])
            def test_one(self, answer):
                assert "hi" in answer("hi")
        """,
        tests=2,
    )

    result = suite.run("-rA")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["FAILED test_a.py::TestIt::test_one?careless?*"])


@pytest.mark.parametrize(
    ("body", "oracle", "line"),
    [
        ("post('hi', tries=3)", "forbidden_retry", "*expected no retry of what must not be retried*"),
        ("post('hi', tries=3)", "retry_after", "*expected a wait of * s, as retry-after says*"),
        ("post('hi', tries=40)", "storm", "*attempts were made, and the test has not come to an end*"),
        ("wait_for_ever()", "hang", "*s have passed on the test's clock, and the test has not come to an end*"),
        ("tell_key()", "secret", "*expected no key in the text of an exception*"),
    ],
    ids=["forbidden retry", "retry-after", "storm", "hang", "secret"],
)
def test_an_oracle_sees_what_the_test_does_not(fuzzed, body, oracle, line):
    """A test that would pass fails where the application does what none may do."""
    suite = recorded(
        fuzzed,
        f"""
        import os
        import time
        import pytest
        from patient import AppError, post

        def wait_for_ever():
            while True:
                try:
                    return post()
                except AppError:
                    time.sleep(100)

        def tell_key():
            try:
                post()
            except AppError:
                raise AppError("with the key " + os.environ["ANTHROPIC_API_KEY"])

        @pytest.mark.llmreplay_fuzz(max_examples=150, kinds="status", allowed=AppError, oracles="{oracle}", seed=1)
        def test_one():
            {body}
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([line])
    pasted = next(text.strip() for text in result.outlines if "@pytest.mark.llmreplay_fuzz(examples=" in text)
    source = (suite.root / "test_a.py").read_text("utf-8")
    marker = next(text for text in source.splitlines() if "@pytest.mark.llmreplay_fuzz" in text)
    suite.pytester.makepyfile(test_a=source.replace(marker, pasted))
    suite.run().assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "headers",
    ["{'x-api-key': KEY}", "{'authorization': 'Bearer ' + KEY}", "{'x-goog-api-key': KEY}", "{'api-key': KEY}"],
)
def test_a_key_that_only_a_request_carried_must_not_be_told_either(fuzzed, headers):
    """A key that stands in no variable of the environment is known from the request that it was sent with."""
    suite = recorded(
        fuzzed,
        f"""
        import pytest
        from patient import BODY, CLIENT, AppError

        KEY = "a-key-from-a-" + "vault-0123456789"

        @pytest.mark.llmreplay_fuzz(
            examples=["429"], max_examples=0, allowed=(AppError, ExceptionGroup), oracles="secret"
        )
        def test_one():
            url = "https://api.anthropic.com/v1/messages"
            if CLIENT.post(url, json=BODY, headers={headers}).status_code == 429:
                raise ExceptionGroup("no luck", [AppError("no luck with " + KEY)])
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expected no key in the text of an exception*", "*AppError tells one*"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_sdks_do_by_default_is_no_fault_of_the_application(fuzzed):
    """A client that waits a day because it was told to, or ten minutes for an answer, passes all oracles."""
    suite = recorded(
        fuzzed,
        """
        import anthropic
        import pytest

        @pytest.mark.llmreplay_fuzz(
            examples=["429@86400", "429@86400x*", "read_timeout", "read_timeoutx*", "delay@601x*"],
            max_examples=0, allowed=anthropic.APIError, oracles="all",
        )
        def test_one():
            client = anthropic.Anthropic()
            client.messages.create(
                model="claude-haiku-4-5", max_tokens=50, messages=[{"role": "user", "content": "hi"}]
            )
        """,
    )

    result = suite.run()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*fuzzed with 5 scenarios: *"])


def test_a_loop_that_never_ends_is_stopped_though_no_oracle_was_asked_for(fuzzed):
    """An application that retries for ever under a lasting fault does not hang the suite."""
    suite = recorded(
        fuzzed,
        """
        import pytest
        from patient import AppError, post

        @pytest.mark.llmreplay_fuzz(examples=["connect_errorx*"], max_examples=0, allowed=AppError)
        def test_one():
            post(tries=10**9)
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RanAway: 1001 attempts were made*"])


@pytest.mark.parametrize(
    "body",
    [
        """
            while True:
                try:
                    return ask("hi")
                except:
                    pass
        """,
        """
            try:
                return ask("hi")
            except:
                pass
            while True:
                try:
                    return ask("what was never recorded")
                except:
                    pass
        """,
    ],
    ids=["the same again", "something else"],
)
def test_a_loop_that_swallows_all_it_is_told_comes_to_its_end_and_is_judged_there(fuzzed, body):
    """A bare `except:` in a loop of retries does not hang the suite: it fails for having run away."""
    suite = recorded(
        fuzzed,
        f"""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay_fuzz(examples=["connect_errorx*"], max_examples=0, most_attempts=30, allowed=Exception)
        def test_one():
            {body}
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RanAway: 31 attempts were made*"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_a_wait_for_what_never_comes_is_ended_and_told(fuzzed, plugin):
    """A task that waits for an event which only a success sets is no hang of the suite, and the loop serves on."""
    fuzzed.plugins += [{"asyncio": "pytest_asyncio.plugin", "anyio": "anyio"}[plugin]]
    if plugin == "asyncio":
        fuzzed.ini("asyncio_default_fixture_loop_scope = function")
    backend = "\n        @pytest.fixture\n        def anyio_backend():\n            return 'asyncio'\n" * (
        plugin == "anyio"
    )
    suite = recorded(
        fuzzed,
        f"""
        import asyncio
        import pytest
        from asking import ask_async
        {backend}
        @pytest.mark.{plugin}
        @pytest.mark.llmreplay_fuzz(examples=["connect_error"], max_examples=0, allowed=Exception)
        async def test_one():
            done = asyncio.Event()

            async def work():
                try:
                    await ask_async("hi")
                except Exception:
                    return
                done.set()

            working = asyncio.create_task(work())
            await done.wait()
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"E +RanAway: test_one, .*test_a.py:\d+, waits for what never comes, and the test has not come to an end\.",
            r"E +suspect   an event or a queue that only a success fills",
        ]
    )


def test_what_was_found_is_tried_first_the_next_time(fuzzed, monkeypatch):
    """A second run finds the bug at once in the example database, though it has another seed."""
    source = """
        import hypothesis, pytest
        from hypothesis.database import DirectoryBasedExampleDatabase
        from patient import AppError, post

        hypothesis.settings.register_profile("shared", database=DirectoryBasedExampleDatabase("found"))
        hypothesis.settings.load_profile("shared")

        @pytest.mark.llmreplay_fuzz(max_examples=300, allowed=AppError)
        def test_one():
            try:
                post()
            except AppError as error:
                failed = error
                try:
                    post()
                except AppError:
                    raise RuntimeError("twice") from failed
        """
    suite = recorded(fuzzed, source)

    first = suite.run()
    second = suite.run()

    first.assert_outcomes(failed=1)
    second.assert_outcomes(failed=1)
    second.stdout.fnmatch_lines(["*The first scenario that failed was number 1 (seed *)."])
    assert any((suite.root / "found").rglob("*"))


def test_a_database_may_reach_its_host_though_the_test_is_offline(fuzzed):
    """A database on loopback and one far away serve a test whose network is closed, and nothing is refused."""
    fuzzed.pytester.makeconftest(
        """
        import contextlib
        import socket
        import sys
        import time
        import hypothesis
        from hypothesis.database import ExampleDatabase

        SERVER = socket.create_server(("127.0.0.1", 0))
        USES = []

        class Distant(ExampleDatabase):
            def _reach(self, what):
                began = time.perf_counter()
                time.sleep(0.002)
                assert time.perf_counter() - began > 0.001
                socket.create_connection(SERVER.getsockname()).close()
                with contextlib.closing(socket.socket()) as sock:
                    # What `connect` announces before it connects: it goes no further than the guard.
                    sys.audit("socket.connect", sock, ("192.0.2.1", 6379))
                USES.append(what)

            def save(self, key, value):
                self._reach("save")

            def delete(self, key, value):
                self._reach("delete")

            def move(self, src, dest, value):
                self._reach("move")

            def fetch(self, key):
                self._reach("fetch")
                yield from ()
                self._reach("fetch to the end")

        hypothesis.settings.register_profile("distant", database=Distant())
        hypothesis.settings.load_profile("distant")

        def pytest_sessionfinish():
            SERVER.close()
            print("USED", *sorted(set(USES)))
        """
    )
    suite = recorded(
        fuzzed,
        """
        import pytest
        from asking import ask

        @pytest.mark.llmreplay_fuzz(max_examples=15, kinds="status")
        def test_one():
            assert "hi" in ask("hi")
        """,
    )

    result = suite.run("-s")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines_random(
        ['*@pytest.mark.llmreplay(faults="429@1")', "*USED *fetch fetch to the end*save*"]
    )
    result.stdout.no_fnmatch_line("*ClosedConnection*")


def test_a_failure_that_comes_and_goes_is_told_with_its_scenario_and_seed(fuzzed):
    """State that outlives a run fails it once: the report says under what, and that the test is to blame."""
    suite = recorded(
        fuzzed,
        """
        import pytest
        from patient import AppError, post

        RUNS = []

        @pytest.mark.llmreplay_fuzz(max_examples=30, kinds="status", seed=1, allowed=AppError)
        def test_one():
            RUNS.append(1)
            try:
                post()
            except AppError:
                if len(RUNS) == 7:
                    raise KeyError("once")
                raise
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "the test is not deterministic: under this scenario it failed once, and passed at another time. *",
            "The test passes without faults and fails under the smallest scenario that was found:",
            "*@pytest.mark.llmreplay*",
            "*The first scenario that failed was number * (seed 1).",
        ]
    )
    result.stdout.no_fnmatch_line("*FlakyFailure*")


def test_a_failure_that_comes_and_goes_but_comes_again_is_told_as_such(fuzzed):
    """Where the last run fails too its own error is shown, and the report says that it does not always fail."""
    suite = recorded(
        fuzzed,
        """
        import pytest
        from patient import AppError, post

        RUNS = []

        @pytest.mark.llmreplay_fuzz(max_examples=30, kinds="status", seed=1, allowed=AppError)
        def test_one():
            RUNS.append(1)
            try:
                post()
            except AppError:
                if len(RUNS) > 6 and len(RUNS) % 2:
                    raise KeyError("at times")
                raise
        """,
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the test is not deterministic: *", "*The first scenario that failed was number *"])
    result.stdout.no_fnmatch_line("*FlakyFailure*")


def test_the_same_seed_finds_the_same(fuzzed):
    """Two searches with one seed try the same scenarios in the same order."""
    suite = recorded(
        fuzzed,
        """
        import hypothesis, pytest
        from patient import AppError, post

        hypothesis.settings.register_profile("none", database=None)
        hypothesis.settings.load_profile("none")

        @pytest.mark.llmreplay_fuzz(max_examples=10, allowed=AppError)
        def test_one(llmreplay):
            try:
                post()
            finally:
                print("SAW", [attempt.faults for attempt in llmreplay.calls.attempts])
        """,
    )

    def seen(seed):
        result = suite.run("-s", f"--llmreplay-seed={seed}")
        return [line for line in result.outlines if "SAW" in line]

    assert seen(5) == seen(5)
    assert seen(5) != seen(6)


def test_a_test_that_is_being_recorded_is_not_fuzzed(fuzzed):
    """While recording, the test runs once, and the line at the end says so."""
    fuzzed.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay_fuzz
        def test_one():
            ask()
        """
    )

    result = fuzzed.record()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_one: not fuzzed, as it is being recorded (mode once)."])
    assert fuzzed.cassettes == ["test_a/test_one.json"]


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("llmreplay_fuzz(max_exmaples=3)", "*max_exmaples=3): there is no such setting. Choose from max_examples, *"),
        ("llmreplay_fuzz(200)", "*settings have names, such as max_examples=200."),
        ("llmreplay_fuzz(max_examples=-1)", "*max_examples=-1): give a whole number of 0 or more."),
        ("llmreplay_fuzz(on_unmatched='warn')", "*choose from discard, fail, answer."),
        ("llmreplay_fuzz(oracles='hung')", "*choose from truncated, forbidden_retry, *, or say 'all'."),
        ("llmreplay_fuzz(allowed='AppError')", "*give exceptions that the application may raise*"),
        ("llmreplay_fuzz(kinds='weather')", "*kinds=('weather',): 'weather' is no kind of fault. Choose from *"),
        ("llmreplay_fuzz(examples='42x')", "*scenario '42x'*"),
        ("llmreplay_fuzz(examples=None)", "*examples=None): give scenarios, as text or objects, or leave it out."),
        ("llmreplay_fuzz(max_faults=None)", "*max_faults=None): give a whole number of 1 or more."),
        ("llmreplay_fuzz(kinds=())", "*kinds=()): name a kind of fault, or leave it out for all."),
    ],
)
def test_a_wrong_setting_is_refused_with_those_that_exist(fuzzed, marker, message):
    """The value is echoed, and what can be said is listed."""
    source = f"""
        import pytest
        from asking import ask

        @pytest.mark.{marker}
        def test_one():
            ask()
        """
    fuzzed.pytester.makepyfile(test_a=source.replace(marker, "llmreplay"))
    fuzzed.record().assert_outcomes(passed=1)
    fuzzed.pytester.makepyfile(test_a=source)

    result = fuzzed.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_what_cannot_be_run_again_is_refused(fuzzed):
    """A test of Hypothesis's own, and one that makes no calls, say what to do instead."""
    fuzzed.pytester.makepyfile(
        test_a="""
        import pytest
        from hypothesis import given, settings, strategies as st
        from asking import ask

        @pytest.mark.llmreplay(allow_repeats=True)
        @pytest.mark.llmreplay_fuzz
        @settings(max_examples=1, database=None)
        @given(number=st.integers())
        def test_given(number):
            ask()

        @pytest.mark.llmreplay_fuzz
        def test_without_calls():
            pass

        @pytest.mark.llmreplay_fuzz
        def test_with_a_block():
            from llmreplay import use_cassette
            with use_cassette("block.json"):
                ask()
        """
    )
    fuzzed.record().assert_outcomes(passed=3)

    result = fuzzed.run()

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*this test is Hypothesis's already: draw `faults=scenarios()`*",
            "*this test makes no calls, so there is nothing to lay faults over.",
            "*the calls of this test are made inside `use_cassette`, and only those on the cassette of the marker*",
        ]
    )
