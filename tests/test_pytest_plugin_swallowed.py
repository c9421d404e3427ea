"""A refusal that somebody swallowed is heard all the same: in a block, in a generator, in a wide fixture."""

from __future__ import annotations

from textwrap import dedent

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

APPLICATION = """
import pytest
from asking import ask
from llmreplay import use_cassette

class AppError(Exception):
    pass

def agent(text):
    try:
        return ask(text)
    except BaseException:
        raise AppError("the provider is down") from None

def careless(text):
    try:
        return ask(text)
    except BaseException:
        return "fallback"
"""


@pytest.mark.parametrize(
    "test",
    [
        """
        def test_a():
            with pytest.raises(AppError), use_cassette("never.json"):
                agent("changed")
        """,
        """
        @use_cassette("never.json")
        def helper():
            return agent("changed")

        def test_a():
            with pytest.raises(AppError):
                helper()
        """,
        """
        def test_a():
            with use_cassette("never.json"):
                careless("x")
                pytest.skip("no key")
        """,
        """
        @pytest.mark.xfail(strict=True, raises=AppError)
        @use_cassette("never.json")
        def test_a():
            agent("changed")
        """,
        """
        import unittest

        class T(unittest.TestCase):
            def test_a(self):
                with self.assertRaises(AssertionError), use_cassette("never.json"):
                    self.assertEqual(careless("x"), "other")
        """,
    ],
    ids=["raises", "decorator", "skip", "xfail", "unittest"],
)
def test_an_exception_that_leaves_a_block_hides_no_refusal(suite, test):
    """Whatever the application makes of a refusal inside `use_cassette`, the test fails with the refusal."""
    suite.pytester.makepyfile(test_a=APPLICATION + dedent(test))

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED*UnmatchedRequest: no recorded interaction *"])


def test_a_refusal_that_leaves_a_block_itself_is_told_once(suite):
    """It is not raised a second time, nor is an interrupt replaced."""
    suite.pytester.makepyfile(
        test_a=APPLICATION
        + dedent("""
        def test_a():
            with use_cassette("never.json"):
                ask("x")

        def test_b():
            with pytest.raises(SystemExit), use_cassette("never.json"):
                careless("x")
                raise SystemExit(3)
        """)
    )

    result = suite.run()

    result.assert_outcomes(failed=1, passed=1)
    assert result.stdout.str().count("E       UnmatchedRequest: no recorded") == 1


def test_a_generator_that_is_left_early_is_recorded(suite):
    """Whoever wants no more of a generator has what it wanted: the cassette is kept, and replays."""
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask
        from llmreplay import use_cassette

        @use_cassette("left.json")
        def answers():
            yield ask("one")
            yield ask("two")

        def test_a():
            for answer in answers():
                assert "one" in answer
                break
        """
    )

    suite.recorded_and_replayed(1)

    assert suite.prompts("left.json") == ["one"]


@pytest.mark.parametrize("again", [(), ("--reruns", "1")], ids=["once", "reruns"])
def test_a_wide_fixture_that_swallowed_a_refusal_serves_nobody(suite, again):
    """Each test that asks for it errs, and running it again does not make it good."""
    pytest.importorskip("pytest_rerunfailures")
    suite.plugins = ["rerunfailures"]
    suite.pytester.makepyfile(
        test_a=APPLICATION
        + dedent("""
        @pytest.fixture(scope="module")
        def greeting():
            return careless("nobody recorded this")

        def test_x(greeting, llmreplay):
            assert greeting

        def test_y(greeting, llmreplay):
            assert greeting
        """)
    )

    result = suite.run(*again)

    found = result.parseoutcomes()
    assert "passed" not in found
    assert found["errors"] == 2


def test_a_broken_cassette_of_a_wide_fixture_is_told_to_each_test(suite):
    """The second test that asks for it hears what is wrong, too."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def wide():
            return ask("wide")

        def test_x(wide, llmreplay): pass
        def test_y(wide, llmreplay): pass
        """
    )
    folder = suite.root / "cassettes" / "test_a"
    folder.mkdir(parents=True)
    (folder / "fixture.wide.json").write_text("{")

    result = suite.run("-rE")

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["ERROR*test_x*CassetteError*", "ERROR*test_y*CassetteError*"])
    result.stdout.no_fnmatch_line("*assert not self._finalizers*")


def test_a_refusal_while_a_wide_fixture_is_torn_down_is_told_once(suite):
    """It is raised as itself, not in a group with itself."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def wide():
            yield
            ask("farewell")

        def test_x(wide, llmreplay): pass
        """
    )

    result = suite.run("-rE")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["ERROR*test_x - UnmatchedRequest: no recorded *"])
    result.stdout.no_fnmatch_line("*ExceptionGroup*")


def test_a_refusal_that_a_framework_makes_another_error_of_is_told_beside_it(suite):
    """`gather(return_exceptions=True)` and an `isinstance` that knows no refusal end in an AttributeError."""
    suite.pytester.makepyfile(
        test_a="""
        import asyncio
        from asking import ask_async

        async def ask_all():
            [answer] = await asyncio.gather(ask_async("hi"), return_exceptions=True)
            return answer.generations

        def test_it(llmreplay):
            asyncio.run(ask_all())
        """
    )

    result = suite.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AttributeError*",
            "*llmreplay: UnmatchedRequest*",
            "no recorded interaction matches this request.",
            "*Record it? * --llmreplay-mode=once",
        ]
    )
