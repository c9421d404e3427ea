"""The plugin from outside: the fixture, the marker, where cassettes go, and the line at the end."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]


def test_the_fixture_records_once_and_then_replays_offline(suite):
    """What was recorded is given again without the provider, and the calls tell what was asked."""
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask

        def test_one(llmreplay):
            assert "hello there" in ask("hello there")
            assert llmreplay.calls.one().stop_reason == "stop"
        """
    )

    replayed = suite.recorded_and_replayed(1)

    assert suite.cassettes == ["test_a/test_one.json"]
    assert suite.others == []
    replayed.stdout.re_match_lines([r"llmreplay: 1 replayed; tokens: \d+ in, \d+ out"])


def test_the_marker_alone_is_enough(suite):
    """A marked test is recorded and replayed without asking for the fixture; one without either is left alone."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay
        def test_marked():
            ask()

        def test_of_somebody_else():
            pass
        """
    )

    suite.recorded_and_replayed(2)

    assert suite.cassettes == ["test_a/test_marked.json"]


def test_markers_are_merged_from_module_over_class_to_function(suite):
    """The nearest marker wins, setting by setting."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest

        pytestmark = pytest.mark.llmreplay(speed=1, guard="off", clock="real")

        @pytest.mark.llmreplay(speed=2, guard="strict")
        class TestIt:
            @pytest.mark.llmreplay(speed=3)
            def test_it(self, llmreplay):
                said = llmreplay.settings
                assert (said.speed, said.guard, said.clock) == (3, "strict", "real")
        """
    )

    suite.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("ini", "marker", "environment", "command_line", "expected"),
    [
        ("live", None, None, None, "live"),
        ("live", "none", None, None, "none"),
        ("live", "none", "once", None, "once"),
        ("live", "none", "once", "new_episodes", "new_episodes"),
        (None, "live", None, "all", "rewrite"),
        (None, None, None, None, "none"),
    ],
    ids=["ini", "marker", "environment", "command line", "alias", "default"],
)
def test_the_command_line_wins_over_environment_marker_and_ini(
    suite, monkeypatch, ini, marker, environment, command_line, expected
):
    """Of several places that name the mode, the one that is typed last wins."""
    if ini:
        suite.ini(f"llmreplay_mode = {ini}")
    if environment:
        monkeypatch.setenv("LLMREPLAY_MODE", environment)
    mark = f"@pytest.mark.llmreplay(mode={marker!r})" if marker else ""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest

        {mark}
        def test_it(llmreplay):
            assert llmreplay.mode == {expected!r}
        """
    )

    result = suite.run(*([f"--llmreplay-mode={command_line}"] if command_line else []))

    result.assert_outcomes(passed=1)


def test_use_cassette_listens_to_command_line_and_ini(suite):
    """Inside pytest `use_cassette` hears what the run was told, but keeps a mode that it was given itself."""
    suite.ini("llmreplay_cassette_dir = recordings", "llmreplay_speed = 3")
    suite.pytester.makepyfile(
        test_a="""
        from llmreplay import use_cassette
        from pathlib import Path

        OURS = use_cassette("a.json")

        def test_it():
            with OURS as replay:
                assert (replay.mode, replay.settings.speed) == ("new_episodes", 3)
                assert replay.path == Path(__file__).parent / "recordings" / "a.json"
            with use_cassette("a.json", mode="once", speed=2) as replay:
                assert (replay.mode, replay.settings.speed) == ("once", 2)
        """
    )

    suite.run("--llmreplay-mode=new_episodes").assert_outcomes(passed=1)
    with_environment = suite.run("--llmreplay-mode=new_episodes", "--llmreplay-speed=3")

    with_environment.assert_outcomes(failed=1)


def test_every_kind_of_test_has_a_cassette_of_its_own(suite):
    """Classes, parameters with slashes, and names that differ in case alone never share a file."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        class TestA:
            def test_x(self, llmreplay):
                ask("in a class")

        @pytest.mark.parametrize("text", ["a/b", "a:b", "a-b", "A-B", "ü"])
        def test_x(llmreplay, text):
            ask(text)
        """
    )

    suite.recorded_and_replayed(6)

    assert len(suite.cassettes) == 6
    assert len({name.lower() for name in suite.cassettes}) == 6
    assert sorted(prompt for name in suite.cassettes for prompt in suite.prompts(name)) == sorted(
        ["in a class", "a/b", "a:b", "a-b", "A-B", "ü"]
    )


def test_unittest_classes_are_served_by_the_marker(suite):
    """A marked `unittest.TestCase` records and replays, and a refusal that it swallowed fails it."""
    suite.pytester.makepyfile(
        test_a="""
        import unittest
        import pytest
        from asking import ask

        @pytest.mark.llmreplay
        class TestOld(unittest.TestCase):
            def setUp(self):
                self.first = ask("in setUp")

            def test_it(self):
                assert "in setUp" in self.first
                assert "in test" in ask("in test")
        """
    )

    suite.recorded_and_replayed(1)
    (suite.root / "cassettes" / suite.cassettes[0]).unlink()
    refused = suite.run()

    refused.assert_outcomes(failed=1)
    refused.stdout.fnmatch_lines(["*UnmatchedRequest*"])


def test_async_tests_of_both_plugins_record_and_replay(suite):
    """Tests and async fixtures that pytest-asyncio or anyio run are served like any other."""
    suite.pytester.makepyfile(
        test_asyncio="""
        import pytest
        from asking import ask_async

        @pytest.fixture
        async def greeting():
            return await ask_async("from a fixture")

        async def test_it(llmreplay, greeting):
            assert "from a fixture" in greeting
            assert "from a test" in await ask_async("from a test")
            assert len(llmreplay.calls) == 2
        """,
        test_anyio="""
        import pytest
        from asking import ask_async

        pytestmark = pytest.mark.anyio

        @pytest.fixture(scope="module")
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def greeting(anyio_backend):
            return await ask_async("from a fixture")

        async def test_it(llmreplay, greeting):
            assert "from a test" in await ask_async("from a test")
            assert len(llmreplay.calls) == 2

        async def test_again(llmreplay, greeting):
            assert len(llmreplay.calls) == 1
        """,
    )
    suite.plugins += ["asyncio", "anyio"]
    suite.ini("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function")

    suite.recorded_and_replayed(3, "-W", "ignore::pytest.PytestUnraisableExceptionWarning")

    assert suite.cassettes == ["test_anyio/test_again.json", "test_anyio/test_it.json", "test_asyncio/test_it.json"]


def test_skipped_and_xfailed_tests_keep_their_meaning(suite):
    """A skip stays a skip, and a test that fails as expected is recorded and replayed as that."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.skip(reason="not today")
        def test_skipped(llmreplay):
            ask("skipped")

        def test_skips_itself(llmreplay):
            pytest.skip("half way")

        @pytest.mark.xfail(reason="known")
        def test_fails_as_expected(llmreplay):
            assert "something else" in ask("xfail")
        """
    )

    suite.record().assert_outcomes(skipped=2, xfailed=1)
    replayed = suite.run()

    replayed.assert_outcomes(skipped=2, xfailed=1)
    assert suite.cassettes == ["test_a/test_fails_as_expected.json"]
    replayed.stdout.re_match_lines([r"llmreplay: 1 replayed;.*"])


def test_recordings_that_nobody_asks_for_fail_a_test_that_passed(suite):
    """Unplayed recordings fail the call phase, only warn or stay silent on request, and never hide a failure."""
    suite.pytester.makepyfile(
        test_a="""
        import os
        import pytest
        from asking import ask

        def act():
            if os.environ.get("ASK") != "no":
                ask("one"), ask("two")

        def test_default(llmreplay):
            act()

        @pytest.mark.llmreplay(on_unplayed="warn")
        def test_warned(llmreplay):
            act()

        @pytest.mark.llmreplay(on_unplayed="ignore")
        def test_ignored(llmreplay):
            act()

        def test_broken(llmreplay):
            act()
            assert os.environ.get("ASK") != "no", "my own reason"
        """
    )
    suite.recorded_and_replayed(4)

    suite.pytester._monkeypatch.setenv("ASK", "no")
    result = suite.run("-rA")

    result.assert_outcomes(passed=2, failed=2, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "2 of 2 recorded interactions were never asked for.",
            "*AssertionError: my own reason*",
            "*LlmReplayWarning: 2 of 2 recorded interactions were never asked for.*",
        ]
    )
    assert result.stdout.str().count("were never asked for") == 2


def test_without_the_plugin_a_suite_runs_as_ever(suite):
    """`-p no:llmreplay` takes the options and the fixture away, and nothing else breaks."""
    suite.pytester.makepyfile("def test_it(): pass")

    suite.run("-p", "no:llmreplay").assert_outcomes(passed=1)


def test_last_failed_and_random_order_replay_the_same(suite):
    """The order of the tests and a run of some of them do not change what each is answered."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.parametrize("number", range(4))
        def test_it(llmreplay, number):
            assert str(number) in ask(f"same for all? {number}")
            assert "always" in ask("always the same")
        """
    )
    suite.record().assert_outcomes(passed=4)

    for seed in (1, 2):
        suite.run("-p", "randomly", f"--randomly-seed={seed}").assert_outcomes(passed=4)
    suite.run("-k", "1").assert_outcomes(passed=1, deselected=3)


def test_a_fixture_asked_for_by_name_opens_the_cassette(suite):
    """`request.getfixturevalue("llmreplay")` works like the argument, from that moment on."""
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask

        def test_it(request):
            replay = request.getfixturevalue("llmreplay")
            ask()
            assert len(replay.calls) == 1
        """
    )

    suite.recorded_and_replayed(1)


def test_a_rewrite_by_one_test_loses_nothing_that_others_recorded(suite):
    """Tests may share a cassette: what the one that is recorded anew does not ask for is kept aside, and said."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay(cassette="shared.json", on_unplayed="ignore")
        @pytest.mark.parametrize("text", ["one", "two"])
        def test_it(llmreplay, text):
            ask(text)
        """
    )
    suite.recorded_and_replayed(2)

    alone = suite.record("test_a.py::test_it[one]", mode="rewrite")

    alone.assert_outcomes(passed=1)
    alone.stdout.fnmatch_lines(
        ["*1 interaction that this test did not ask for went into shared.json.llmreplay-partial*"]
    )
    assert suite.prompts("shared.json") == ["one"]
    assert suite.others == ["shared.json.llmreplay-partial"]
    suite.record(mode="rewrite").assert_outcomes(passed=2)
    assert (suite.prompts("shared.json"), suite.others) == (["one", "two"], [])


def test_tests_that_share_a_cassette_are_told_that_each_leaves_recordings_unplayed(suite):
    """Said once, while recording: otherwise the first replay would fail, one test for what the other asks."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay(cassette="shared.json")
        @pytest.mark.parametrize("text", ["one", "two", "three"])
        def test_it(llmreplay, text):
            ask(text)
        """
    )

    recorded = suite.record()
    replayed = suite.run()
    ignoring = suite.run("-o", "llmreplay_on_unplayed=ignore")

    recorded.assert_outcomes(passed=3)
    said = 'give them on_unplayed="ignore", or a cassette each.'
    assert recorded.stdout.str().count(said) == 1
    replayed.assert_outcomes(failed=3)
    ignoring.assert_outcomes(passed=3)
    assert said not in ignoring.stdout.str()
