"""Which fixtures wider than a function own a cassette, and that no two of them share one."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]


@pytest.mark.parametrize("scope", ["session", "module"])
def test_a_wide_fixture_asked_for_by_name_owns_a_cassette(suite, scope):
    """`request.getfixturevalue` gives a fixture its own cassette, in a test or in another fixture, as arguments do."""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest
        from asking import ask

        @pytest.fixture(scope={scope!r})
        def wide():
            yield ask("wide")
            ask("farewell")

        @pytest.fixture(scope={scope!r})
        def wider(request):
            return request.getfixturevalue("wide") + ask("wider")

        def test_one(llmreplay, request):
            assert "wide" in request.getfixturevalue("wide")
            ask("one")

        def test_two(llmreplay, request):
            assert "wider" in request.getfixturevalue("wider")
            ask("two")
        """
    )

    suite.recorded_and_replayed(2)
    alone = suite.run("-k", "two")

    alone.assert_outcomes(passed=1, deselected=1)
    assert {name: suite.prompts(name) for name in suite.cassettes} == {
        "test_a/fixture.wide.json": ["wide", "farewell"],
        "test_a/fixture.wider.json": ["wider"],
        "test_a/test_one.json": ["one"],
        "test_a/test_two.json": ["two"],
    }


def test_a_strangers_fixture_asked_for_by_name_owns_nothing(suite):
    """A fixture that only a test of somebody else asks for is left alone, in a run with tests of ours, too."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from llmreplay.session.opened import OPEN

        @pytest.fixture(scope="session")
        def wide():
            assert OPEN.innermost is None

        def test_ours(llmreplay):
            assert OPEN.innermost is llmreplay

        def test_of_somebody_else(request):
            request.getfixturevalue("wide")
        """
    )

    suite.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("scope", ["session", "package", "module", "class"])
def test_fixtures_of_one_name_in_two_classes_have_two_cassettes(suite, scope):
    """The class in which a fixture is defined is part of its cassette's name, whatever the fixture's scope."""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest
        from asking import ask

        @pytest.fixture(scope={scope!r})
        def k():
            return ask("of the module")

        class TestA:
            @pytest.fixture(scope={scope!r})
            def k(self):
                return ask("of A")

            def test_it(self, llmreplay, k):
                assert "of A" in k

        class TestB:
            @pytest.fixture(scope={scope!r})
            def k(self):
                return ask("of B")

            def test_it(self, llmreplay, k):
                assert "of B" in k

        def test_it(llmreplay, k):
            assert "of the module" in k
        """
    )

    suite.recorded_and_replayed(3)

    prompts = sorted(suite.prompts(name) for name in suite.cassettes)
    assert prompts == [["of A"], ["of B"], ["of the module"]]
    assert scope == "class" or "test_a/fixture.k.json" in suite.cassettes


def test_a_fixture_that_two_classes_inherit_has_a_cassette_for_each(suite):
    """A class of the same name in another file, and a base class in a third, make no two fixtures share a cassette."""
    suite.pytester.makepyfile(
        base="""
        import pytest
        from asking import ask

        class Base:
            word = "base"

            @pytest.fixture(scope="session")
            def k(self):
                return ask(self.word)

            def test_it(self, llmreplay, k):
                assert self.word in k
        """,
        test_a="""
        from base import Base

        class TestIt(Base):
            word = "one"

        class TestOther(Base):
            word = "two"
        """,
        test_b="""
        from base import Base

        class TestIt(Base):
            word = "three"
        """,
    )

    suite.recorded_and_replayed(3)

    prompts = sorted(suite.prompts(name) for name in suite.cassettes)
    assert prompts == [["one"], ["three"], ["two"]]


def test_what_is_told_of_a_wide_fixture_helps(suite, monkeypatch):
    """The command records it with the one test that asked; the setting stands where it reaches it, and helps."""
    suite.pytester.makepyfile(
        test_a="""
        import os, pytest
        from asking import ask

        @pytest.fixture(scope="session")
        def wide():
            return ask("wide" + os.environ.get("CHANGED", ""))

        def test_uses(llmreplay, wide):
            pass

        def test_other(llmreplay):
            ask("other")
        """
    )
    suite.recorded_and_replayed(2)
    monkeypatch.setenv("CHANGED", "r")

    refused = suite.run()
    set_as_told = suite.run("-o", "llmreplay_ignore=$.messages[*].content", "-k", "uses")
    recorded = suite.record("test_a.py::test_uses", mode="rewrite")

    refused.assert_outcomes(errors=1, passed=1)
    refused.stdout.fnmatch_lines(
        [
            "*Meant to change?   pytest test_a.py::test_uses --llmreplay-mode=rewrite",
            "*Volatile field?    llmreplay_ignore = $.messages[[]*[]].content   (ini file*",
        ]
    )
    set_as_told.assert_outcomes(passed=1, deselected=1)
    recorded.assert_outcomes(passed=1)
    assert suite.prompts("test_a/fixture.wide.json") == ["wider"]


def test_a_further_parameter_renames_no_cassette(suite):
    """A wide fixture's cassette is named by its parameter, not by the place of it."""
    source = """
        import pytest
        from asking import ask

        @pytest.fixture(scope="module", params={})
        def city(request):
            return ask(f"Capital of {{request.param}}")

        def test_it(city, llmreplay): pass
        """
    suite.pytester.makepyfile(test_a=source.format([1, "1", "x", 2, "x"]))
    suite.recorded_and_replayed(5)
    assert sorted(prompt for name in suite.cassettes for prompt in suite.prompts(name))[:2] == ["Capital of 1"] * 2

    suite.pytester.makepyfile(test_a=source.format(["france", "claude-haiku-4-5", 1]))
    suite.recorded_and_replayed(3)
    suite.pytester.makepyfile(test_a=source.format(["italy", "france", "claude-haiku-4-5", 1]))

    suite.run("-k", "not italy").assert_outcomes(passed=3, deselected=1)

    names = ["france", "claude-haiku-4-5", "1"]
    assert {f"test_a/fixture.city[{name}].json" for name in names} <= set(suite.cassettes)


def test_values_that_tests_give_a_wide_fixture_have_a_cassette_each(suite):
    """Under `indirect` each test's own list begins anew: the value tells them apart, a key hashed."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def city(request):
            return ask(f"Capital of {request.param}")

        @pytest.mark.parametrize("city", ["France"], indirect=True)
        def test_one(city, llmreplay): assert "France" in city

        @pytest.mark.parametrize("city", ["Italy"], indirect=True)
        def test_two(city, llmreplay): assert "Italy" in city

        @pytest.mark.parametrize("city", ["k3y-0f-s0mebody"], indirect=True)
        def test_three(city, llmreplay): assert city
        """
    )

    suite.recorded_and_replayed(3)
    suite.run("-k", "two").assert_outcomes(passed=1, deselected=2)

    wide = [name for name in suite.cassettes if "fixture" in name]
    assert sorted(prompt for name in wide for prompt in suite.prompts(name)) == [
        "Capital of France",
        "Capital of Italy",
        "Capital of k3y-0f-s0mebody",
    ]
    assert not any("k3y" in name for name in wide)


def test_a_test_that_imports_us_itself_is_part_of_the_run(suite):
    """The first `use_cassette` of a run, imported inside a test, knows the run's folder and is counted."""
    folder = suite.root / "sub"
    folder.mkdir()
    (folder / "test_lazy.py").write_text(
        "from asking import ask\n\n\n"
        "def test_lazy():\n    from llmreplay import use_cassette\n\n"
        "    with use_cassette('lazy.json'):\n        assert ask('lazy')\n"
    )

    suite.record("sub", subprocess=True).assert_outcomes(passed=1)
    replayed = suite.run("sub", subprocess=True)

    replayed.assert_outcomes(passed=1)
    replayed.stdout.fnmatch_lines(["llmreplay: 1 replayed*"])
    assert suite.cassettes == ["lazy.json"]
