"""What users write about faults and stubs, turned into what the core takes."""

from __future__ import annotations

import pytest

from llmreplay import Reply, Scenario, SettingError, ToolCall, always, faults, first, nth
from llmreplay.core.fault import Injection
from llmreplay.core.faulting import Armed
from llmreplay.faults.schedule import First, Nth
from llmreplay.session.scenarios import Injected, described, injection_of, scenario_of, stubs_of

OVERLOADED = faults.Overloaded()


def test_without_a_schedule_a_fault_hits_the_first_attempt():
    """`inject(fault)` is `inject(fault, on=first(1))`."""
    assert injection_of(OVERLOADED) == Injection(OVERLOADED, First(1))
    assert injection_of(OVERLOADED, nth(2)) == Injection(OVERLOADED, Nth((2,)))


NO_FAULT = "is no fault: give one of llmreplay.faults, such as faults.Overloaded()."
NO_SCHEDULE = "give a schedule: first(2), nth(1, 3), every(2), after(1), always, chance(0.2)."


@pytest.mark.parametrize(
    ("fault", "on", "said"),
    [
        ("529", None, f"'529' {NO_FAULT}"),
        (faults.Overloaded, None, f"<class 'llmreplay.faults.statuses.Overloaded'> {NO_FAULT}"),
        (OVERLOADED, 2, f"on=2: {NO_SCHEDULE}"),
        (OVERLOADED, First, f"on=<class 'llmreplay.faults.schedule.First'>: {NO_SCHEDULE}"),
    ],
    ids=["a text", "a class", "a number", "a schedule's class"],
)
def test_what_is_no_fault_or_schedule_is_refused(fault, on, said):
    """The error names the value and what to give."""
    with pytest.raises(SettingError) as caught:
        injection_of(fault, on)

    assert str(caught.value) == said


ONE, TWO = Injection(OVERLOADED, First(1)), Injection(faults.Delay(3), always)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ("", ()),
        ("529", (ONE,)),
        (OVERLOADED, (ONE,)),
        ((OVERLOADED, first(1)), (ONE,)),
        (ONE, (ONE,)),
        (Scenario((ONE, TWO)), (ONE, TWO)),
        ([OVERLOADED, (faults.Delay(3), always)], (ONE, TWO)),
        (["529", TWO], (ONE, TWO)),
        ((OVERLOADED, faults.Delay(3)), (ONE, Injection(faults.Delay(3), First(1)))),
        ([Scenario((ONE,)), Scenario((TWO,))], (ONE, TWO)),
    ],
    ids=[
        "nothing", "empty", "text", "a fault", "a pair", "an injection", "a scenario", "a list", "a list with text",
        "two faults", "scenarios",
    ],
)  # fmt: skip
def test_a_scenario_is_given_in_many_forms(given, expected):
    """The setting `faults` takes what reads best."""
    assert scenario_of(given) == Scenario(expected)


@pytest.mark.parametrize("given", ["529y", 7, [7], object])
def test_what_is_no_scenario_is_refused(given):
    """A wrong form is an error where it was written, never no faults."""
    with pytest.raises(SettingError):
        scenario_of(given)


def test_an_injection_is_told_as_code():
    """What a failure prints can be pasted."""
    assert described(Injection(faults.CutAfter(events=7), nth(2, when="openai"))) == (
        "inject(faults.CutAfter(events=7), on=nth(2, when='openai'))"
    )


def test_an_injection_ends_with_its_block():
    """Inside it may fire, afterwards no more; the count stays."""
    armed = [Armed(ONE, fired=2), Armed(TWO, fired=1)]

    with Injected(armed) as injected:
        inside = [one.is_armed for one in armed]

    assert (inside, [one.is_armed for one in armed]) == ([True, True], [False, False])
    assert injected.fired == 3


def stubs(*answers, tool_calls=(), when=None, **reply):
    return [(stub.reply, stub.when) for stub in stubs_of(answers, Reply(**reply), tool_calls, when)]


def test_texts_and_replies_are_answers_in_order():
    """Each text is an answer, each `Reply` one as it stands; their ids differ."""
    (first_one, _), (second, _) = stubs("a", Reply(text="b", stop_reason="length"))

    assert (first_one.text, second.text, second.stop_reason) == ("a", "b", "length")
    assert first_one.id_seed != second.id_seed


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (("get_weather", {"city": "Köln"}), ToolCall("", "get_weather", '{"city": "Köln"}')),
        (["get_weather", "{}"], ToolCall("", "get_weather", "{}")),
        (ToolCall("7", "get_weather", "[]"), ToolCall("7", "get_weather", "[]")),
    ],
    ids=["arguments as a value", "as text", "a tool call"],
)
def test_tool_calls_are_pairs_or_values(tool, expected):
    """A pair of a name and arguments is enough; without a text there is none."""
    ((reply, _),) = stubs(tool_calls=[tool])

    assert (reply.tool_calls, reply.text) == ((expected,), "")


@pytest.mark.parametrize("tool", ["get_weather", ("get_weather",), (7, {}), None])
def test_what_is_no_tool_call_is_refused(tool):
    """The error shows the form."""
    with pytest.raises(
        SettingError, match=r"give pairs of a name and arguments, \('get_weather', \{'city': 'Paris'\}\)"
    ):
        stubs(tool_calls=[tool])


@pytest.mark.parametrize(
    "shared", [{"stop_reason": "length"}, {"tool_calls": [("a", {})]}, {"thinking": "hm"}], ids=str
)
def test_several_texts_share_nothing(shared):
    """What belongs to one answer cannot be said of two."""
    with pytest.raises(SettingError, match="belong to one answer each"):
        stubs("a", "b", **shared)


def test_a_selector_is_shared_by_all_answers():
    """`when` holds for each of them."""
    selectors = [when for _, when in stubs("a", "b", when="openai")]

    assert [repr(when) for when in selectors] == ["'openai'", "'openai'"]
