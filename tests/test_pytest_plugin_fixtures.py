"""Fixtures wider than a function: they own cassettes, are judged when set up, and disturb nobody."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]


@pytest.mark.parametrize(
    ("scope", "cassette"),
    [
        ("session", "conftest/fixture.wide.json"),
        ("package", "conftest/fixture.wide.json"),
        ("module", "test_a/fixture.wide.json"),
    ],
)
def test_a_wide_fixture_owns_a_cassette(suite, scope, cassette):
    """What its set-up asks is recorded once, under its own name, whichever test sets it up first."""
    suite.pytester.makeconftest(
        f"""
        import pytest
        from asking import ask

        @pytest.fixture(scope={scope!r})
        def wide():
            return ask("wide")
        """
    )
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask

        def test_of_somebody_else(wide):
            assert "wide" in wide

        def test_one(llmreplay, wide):
            assert "one" in ask("one")
            assert len(llmreplay.calls) == 1

        def test_two(llmreplay, wide):
            assert len(llmreplay.calls) == 0
        """
    )

    replayed = suite.recorded_and_replayed(3)
    alone = suite.run("-k", "two")

    assert suite.cassettes == sorted([cassette, "test_a/test_one.json"])
    assert suite.prompts(cassette) == ["wide"]
    replayed.stdout.re_match_lines([r"llmreplay: 2 replayed;.*"])
    alone.assert_outcomes(passed=1, deselected=2)


def test_fixtures_of_every_kind_own_their_cassettes(suite):
    """Parameters, classes, generators, async fixtures and fixtures that build on each other are told apart."""
    suite.plugins.append("asyncio")
    suite.ini("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = module")
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask, ask_async

        @pytest.fixture(scope="module", params=["a/b", "a:b"])
        def tone(request):
            yield ask(f"tone {request.param}")

        @pytest.fixture(scope="module")
        def voice(tone):
            return tone + ask("voice, " + tone[11:15])

        @pytest.fixture(scope="module")
        async def choir():
            yield await ask_async("choir")

        class TestA:
            @pytest.fixture(scope="class")
            def solo(self):
                return ask("solo of A")

            def test_it(self, llmreplay, solo):
                assert "solo of A" in solo

        class TestB:
            @pytest.fixture(scope="class")
            def solo(self):
                return ask("solo of B")

            def test_it(self, llmreplay, solo):
                assert "solo of B" in solo

        def test_voice(llmreplay, voice, tone):
            assert "tone" in voice and len(llmreplay.calls) == 0

        async def test_choir(llmreplay, choir):
            assert "choir" in choir and len(llmreplay.calls) == 0
        """
    )

    suite.recorded_and_replayed(5)

    fixtures = [name for name in suite.cassettes if "fixture" in name]
    assert suite.cassettes == fixtures, "calls of fixtures went to a test's cassette"
    asked = sorted(prompt for name in fixtures for prompt in suite.prompts(name))
    assert asked == sorted(["tone a/b", "tone a:b", "voice, tone", "voice, tone", "choir", "solo of A", "solo of B"])


def test_a_wide_fixture_is_judged_when_it_is_set_up(suite):
    """What it swallowed or left unplayed is an error of its set-up, and its own alone."""
    suite.pytester.makepyfile(
        test_a="""
        import os, pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def forgetful():
            if os.environ.get("ASK") != "no":
                ask("forgotten")

        @pytest.fixture(scope="module")
        def swallowing():
            try:
                ask("swallowed " + os.environ.get("ASK", ""))
            except BaseException:
                pass

        def test_forgetful(llmreplay, forgetful):
            pass

        def test_swallowing(llmreplay, swallowing):
            pass

        def test_innocent(llmreplay):
            pass
        """
    )
    suite.record().assert_outcomes(passed=3)

    suite.pytester._monkeypatch.setenv("ASK", "no")
    result = suite.run()

    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_forgetful*",
            "*1 of 1 recorded interactions were never asked for.*",
            "*ERROR at setup of test_swallowing*",
            "*no recorded interaction matches this request.*",
        ]
    )


def test_a_session_fixture_that_is_refused_breaks_no_stranger(suite):
    """The tests that use it fail with the refusal; those that do not are not touched."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture(scope="session")
        def wide():
            return ask("never recorded")

        def test_first(wide):
            pass

        def test_second(llmreplay, wide):
            pass

        def test_innocent(llmreplay):
            pass

        def test_of_somebody_else():
            pass
        """
    )

    result = suite.run()

    result.assert_outcomes(errors=2, passed=2)
    result.stdout.fnmatch_lines(["*pytest test_a.py::test_first --llmreplay-mode=once*"])


def test_a_wide_fixture_that_fails_saves_nothing(suite):
    """What a broken set-up recorded is kept aside, and the next recording starts afresh."""
    suite.pytester.makepyfile(
        test_a="""
        import os, pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def wide():
            ask("wide")
            assert os.environ.get("GOOD"), "not yet"

        def test_it(llmreplay, wide):
            pass
        """
    )

    suite.record().assert_outcomes(errors=1)
    left = (suite.cassettes, suite.others)
    suite.pytester._monkeypatch.setenv("GOOD", "1")
    suite.recorded_and_replayed(1)

    assert left == ([], ["test_a/fixture.wide.json.llmreplay-partial"])
    assert (suite.cassettes, suite.others) == (["test_a/fixture.wide.json"], [])


def test_an_anyio_fixture_is_served_by_its_own_cassette_in_a_runner_as_old_as_the_test(suite):
    """A second wide async fixture, set up in a task that the first one's test began, still has its own cassette."""
    suite.plugins.append("anyio")
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask_async

        pytestmark = pytest.mark.anyio

        @pytest.fixture(scope="module")
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def narrow(anyio_backend):
            return await ask_async("narrow")

        @pytest.fixture(scope="module")
        async def wide(anyio_backend):
            return await ask_async("wide")

        @pytest.fixture(scope="module")
        async def wider(anyio_backend):
            return await ask_async("wider")

        async def test_it(llmreplay, wide, wider, narrow):
            assert await ask_async("test")
            assert len(llmreplay.calls) == 2

        async def test_again(llmreplay, wide, wider):
            assert await ask_async("again")
        """
    )

    suite.recorded_and_replayed(2)

    assert {name: suite.prompts(name) for name in suite.cassettes} == {
        "test_a/fixture.wide.json": ["wide"],
        "test_a/fixture.wider.json": ["wider"],
        "test_a/test_again.json": ["again"],
        "test_a/test_it.json": ["narrow", "test"],
    }


@pytest.mark.parametrize("order", [(), ("-p", "randomly", "--randomly-seed=3")], ids=["in order", "shuffled"])
def test_what_a_wide_fixture_asks_when_it_is_torn_down_is_its_own(suite, order):
    """Its farewell is on its own cassette, whichever test happens to be the last, of ours or not."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def wide():
            ask("welcome")
            yield
            ask("farewell")

        @pytest.fixture(scope="session")
        def silent():
            yield
            ask("only at the end")

        def test_one(llmreplay, wide, silent):
            ask("one")

        def test_two(llmreplay, wide):
            ask("two")

        def test_of_somebody_else(wide):
            pass
        """
    )

    suite.record().assert_outcomes(passed=3)
    sent = suite.sent
    replayed = suite.run(*order)

    replayed.assert_outcomes(passed=3)
    replayed.stdout.re_match_lines([r"llmreplay: 5 replayed;.*"])
    assert suite.sent == sent
    assert {name: suite.prompts(name) for name in suite.cassettes} == {
        "test_a/fixture.silent.json": ["only at the end"],
        "test_a/fixture.wide.json": ["welcome", "farewell"],
        "test_a/test_one.json": ["one"],
        "test_a/test_two.json": ["two"],
    }


def test_a_farewell_that_is_refused_is_an_error_of_the_last_teardown(suite):
    """What a torn-down fixture swallowed is not lost, and nothing leaves."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def wide():
            yield
            try:
                ask("farewell")
            except BaseException:
                pass

        def test_one(llmreplay, wide):
            pass

        def test_of_somebody_else():
            pass
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*no recorded interaction matches this request.*"])


def test_calls_in_set_up_call_and_teardown_are_told_apart(suite):
    """A test's cassette says in which part each call was made; calls of the teardown are played there, too."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture
        def around():
            ask("before")
            yield
            ask("after")

        def test_it(llmreplay, around):
            ask("during")
        """
    )

    suite.recorded_and_replayed(1)

    text = (suite.root / "cassettes" / "test_a" / "test_it.json").read_text()
    assert suite.prompts("test_a/test_it.json") == ["before", "during", "after"]
    assert '"during":"setup"' in text.replace(" ", "")
    assert '"during":"teardown"' in text.replace(" ", "")


def test_a_teardown_that_fails_leaves_the_cassette_as_it_was(suite):
    """A recording whose test broke in its teardown is kept aside."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture
        def around():
            yield
            ask("after")
            assert False, "broken"

        def test_it(llmreplay, around):
            ask("during")
        """
    )

    suite.record().assert_outcomes(passed=1, errors=1)

    assert suite.cassettes == []
    assert suite.others == ["test_a/test_it.json.llmreplay-partial"]
