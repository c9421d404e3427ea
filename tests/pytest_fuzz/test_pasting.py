"""What is printed can be pasted: it is Python, it says the same, and it fails where it stands."""

from __future__ import annotations

from types import ModuleType

import anthropic
import pytest

from llmreplay.core.fault import Injection, Scenario
from llmreplay.faults import scenario_from_text
from llmreplay.faults.catalogue import CATALOGUE
from llmreplay.faults.schedule import chance, first
from llmreplay.pytest_fuzz.exception_names import written
from llmreplay.pytest_fuzz.pasting import Surrounded, reproduction
from llmreplay.pytest_fuzz.said import FuzzSettings

pytest_plugins = ["pytester", "plugin_doubles"]

SAMPLES = {f"{entry.name} {number}": fault for entry in CATALOGUE for number, fault in enumerate(entry.faults(), 1)}


IN_PLACE = "# in place of the @pytest.mark.llmreplay that is there, which would win"


class Outer:
    """Holds an exception."""

    class Error(Exception):
        """One that is reached through a class."""


def names(**others):
    return Surrounded(names={"pytest": pytest, **others})


def marker_of(code):
    """Run a decorator as Python does, and give its mark."""
    return eval(code.removeprefix("@"), {"pytest": pytest}).mark


@pytest.mark.parametrize("fault", SAMPLES.values(), ids=SAMPLES.keys())
@pytest.mark.parametrize("fails_alone", [True, False], ids=["alone", "with oracles"])
def test_every_sample_of_the_catalogue_reads_back_from_the_printed_marker(fault, fails_alone):
    """The printed marker is Python, and its text is the scenario."""
    scenario = Scenario((Injection(fault, first(1)),))

    mark = marker_of(reproduction(scenario, FuzzSettings(), names(), fails_alone=fails_alone))

    text = mark.kwargs["faults"] if fails_alone else mark.kwargs["examples"][0]
    assert scenario_from_text(text) == scenario


def test_quotes_in_a_scenario_are_quoted():
    """An empty header does not end the marker's text."""
    code = reproduction(scenario_from_text('429(retry_after="")'), FuzzSettings(), names(), fails_alone=True)

    assert code == "@pytest.mark.llmreplay(faults='429(retry_after=\"\")')"


@pytest.mark.parametrize(
    ("kinds", "around", "expected"),
    [
        ((anthropic.APIError,), {"anthropic": anthropic}, ("(anthropic.APIError,)", ())),
        ((anthropic.APIError,), {"APIError": anthropic.APIError}, ("(APIError,)", ())),
        ((anthropic.APIError,), {"Broken": anthropic.APIError}, ("(Broken,)", ())),
        ((anthropic.APIError,), {"claude": anthropic}, ("(claude.APIError,)", ())),
        ((anthropic.APIError,), {}, ("(anthropic.APIError,)", ("import anthropic",))),
        ((anthropic.APIError,), {"APIError": KeyError}, ("(anthropic.APIError,)", ("import anthropic",))),
        ((Outer.Error, ValueError), {"Outer": Outer}, ("(Outer.Error, ValueError)", ())),
        ((Outer.Error,), {}, (f"({__name__}.Outer.Error,)", (f"import {__name__}",))),
        ((ValueError,), {"ValueError": KeyError}, ("(builtins.ValueError,)", ("import builtins",))),
    ],
    ids=[
        "module",
        "name",
        "other name",
        "alias",
        "nothing",
        "shadowed",
        "nested",
        "nested elsewhere",
        "shadowed builtin",
    ],
)
def test_exceptions_are_written_as_the_test_can_reach_them(kinds, around, expected):
    """By the module's own names, else in full with what is to be imported."""
    found = written(kinds, around)

    assert found == expected
    module = ModuleType("pasted")
    vars(module).update(around)
    exec("\n".join([*found[1], f"KINDS = {found[0]}"]), vars(module))
    assert kinds == module.KINDS


def test_imports_that_the_module_lacks_stand_before_the_marker():
    """The printed lines run as they are."""
    settings = FuzzSettings(allowed=(anthropic.APIError,), oracles=("retry_after",))

    code = reproduction(scenario_from_text("429@1"), settings, names(), fails_alone=False)

    assert code == (
        "import anthropic\n"
        "@pytest.mark.llmreplay_fuzz(examples=['429@1'], max_examples=0, oracles=['retry_after'], "
        "allowed=(anthropic.APIError,))"
    )


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ({"marked": {"cassette": "a.json"}}, '@pytest.mark.llmreplay(faults="ok, reset")'),
        (
            {"faults": scenario_from_text("429@1"), "marked": {"faults": "429@1", "cassette": "a.json"}},
            '@pytest.mark.llmreplay(faults="429@1, reset", cassette="a.json")\n' + IN_PLACE,
        ),
        ({"faults": scenario_from_text("429@1")}, '@pytest.mark.llmreplay(faults="429@1, reset")'),
        (
            {"faults": Scenario((Injection(SAMPLES["reset 1"], chance(0.5)),))},
            "def test_...(llmreplay):\n    llmreplay.inject(faults.ConnectionReset(), on=nth(2))\n    ...",
        ),
        ({"on_unmatched": "ignore"}, '@pytest.mark.llmreplay(faults="ok, reset", on_unmatched="error")'),
    ],
    ids=["another setting", "own faults", "faults of the module", "faults that are no text", "refusals ignored"],
)
def test_what_the_test_has_already_is_taken_into_account(around, expected):
    """The printed marker wins over what is there, and keeps of it what the scenario was laid over."""
    found, there = scenario_from_text("ok, reset"), Surrounded(names={}, **around)

    code = reproduction(found, FuzzSettings(), there, fails_alone=True, is_refused=True)

    assert code == expected


@pytest.mark.parametrize(
    ("fuzz", "base", "body"),
    [
        ("kinds='status'", 'faults="429@1"', "ask_twice()"),
        ("kinds='transport', on_unmatched='fail'", 'on_unmatched="ignore"', "fall_back()"),
    ],
    ids=["faults", "refusals ignored"],
)
def test_what_is_printed_for_a_marked_test_fails_when_it_is_pasted(suite, fuzz, base, body):
    """A test that has a marker of its own fails again by the printed one, in its place or above it."""
    source = f"""
        import pytest
        from asking import ask

        def ask_twice():
            try:
                ask("hi")
            except Exception:
                ask("hi")

        def fall_back():
            try:
                ask("hi")
            except Exception:
                try:
                    ask("something else")
                except BaseException:
                    pass

        MARKERS
        def test_one():
            {body}
        """
    marker = f"@pytest.mark.llmreplay({base})"
    suite.pytester.makepyfile(test_a=source.replace("MARKERS", "@pytest.mark.llmreplay"))
    suite.record().assert_outcomes(passed=1)
    fuzzed = f"{marker}\n        @pytest.mark.llmreplay_fuzz({fuzz}, seed=1, max_examples=40)"
    suite.pytester.makepyfile(test_a=source.replace("MARKERS", fuzzed))

    found = suite.run()

    found.assert_outcomes(failed=1)
    pasted = [line.strip() for line in found.outlines if line.startswith("    @pytest.mark.llmreplay(")][-1]
    suite.pytester.makepyfile(test_a=source.replace("MARKERS", pasted))
    suite.run().assert_outcomes(failed=1)
