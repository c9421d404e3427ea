import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay import faults
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Injection, Scenario
from llmreplay.faults.catalogue import CATALOGUE
from llmreplay.faults.scenario_text import scenario_from_text
from llmreplay.faults.scenario_writing import text_of
from llmreplay.faults.schedule import after, always, chance, every, first, nth


def what_happens(scenario, attempts=30):
    """The faults that hit each attempt, in order."""
    return [
        [injection.fault for injection in scenario.injections if injection.schedule.hits(number, "")]
        for number in range(1, attempts + 1)
    ]


@pytest.mark.parametrize(
    ("text", "attempts"),
    [
        ("429x2, 529, ok", [[faults.RateLimited()], [faults.RateLimited()], [faults.Overloaded()], []]),
        ("cut@7", [[faults.CutAfter(events=7)]]),
        ("ok, 500", [[], [faults.ServerError()]]),
        ("okx2,503", [[], [], [faults.Unavailable()]]),
        ("  429 x 2 ,ok ", [[faults.RateLimited()], [faults.RateLimited()], []]),
        ("429@30", [[faults.RateLimited(retry_after_s=30)]]),
        ("429@-0.5", [[faults.RateLimited(retry_after_s=-0.5)]]),
        ("418", [[faults.Status(418)]]),
        ("502@5", [[faults.Status(502, retry_after_s=5)]]),
        ("status(code=429, kind=quota)", [[faults.Status(429, kind="quota")]]),
        ("400, 401", [[faults.BadRequest()], [faults.Unauthorized()]]),
        ("cut@content_block_delta:2", [[faults.CutAfter(event="content_block_delta", n=2)]]),
        ("drop@response.completed", [[faults.DropEvent(event="response.completed")]]),
        ("drop@[DONE]", [[faults.DropEvent(event="[DONE]")]]),
        ("drop@3x2", [[faults.DropEvent(n=3)], [faults.DropEvent(n=3)]]),
        ("cut(events=7, end=clean)", [[faults.CutAfter(events=7, end="clean")]]),
        ("cut@7 (inside=event)", [[faults.CutAfter(events=7, inside="event")]]),
        ("delay@5+cut@3x2", [[faults.Delay(5), faults.CutAfter(events=3)]] * 2),
        ("delay@0.5 + html@200", [[faults.Delay(0.5), faults.HtmlBody(status=200)]]),
        ("rechunk@1/5, rechunk(seed=7), rechunk@2", [
            [faults.Rechunk(sizes=(1, 5))], [faults.Rechunk(seed=7)], [faults.Rechunk(sizes=(2,))],
        ]),
        ("429(retry_after='a, (b)+c', should_retry=false)", [
            [faults.RateLimited(retry_after="a, (b)+c", should_retry=False)]
        ]),
        ('429(retry_after="5")', [[faults.RateLimited(retry_after="5")]]),
        ("connect_error, connect_timeout, read_timeout, reset, closed", [
            [faults.ConnectError()], [faults.ConnectTimeout()], [faults.ReadTimeout()], [faults.ConnectionReset()],
            [faults.ClosedAfterRequest()],
        ]),
        ("ok", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_text_says_what_happens_to_consecutive_attempts(text, attempts):
    """Entry by entry the attempts get these faults, and after the last nothing happens."""
    assert what_happens(scenario_from_text(text)) == attempts + [[]] * (30 - len(attempts))


@pytest.mark.parametrize(
    ("text", "schedules"),
    [
        ("429x2, 529, ok, 500x3", [first(2), nth(3), nth(5, 6, 7)]),
        ("529x*", [always]),
        ("ok, 529x*", [after(1)]),
        ("429x1000", [first(1000)]),
    ],
    ids=str,
)
def test_attempts_are_written_as_schedules(text, schedules):
    """The schedules are those that a user would write."""
    assert [injection.schedule for injection in scenario_from_text(text).injections] == schedules


@pytest.mark.parametrize(
    ("scenario", "text"),
    [
        (Scenario(), "ok"),
        (Scenario((Injection(faults.RateLimited(), first(2)), Injection(faults.Overloaded(), nth(3)))), "429x2, 529"),
        (Scenario((Injection(faults.CutAfter(events=7), nth(2)),)), "ok, cut@7"),
        (
            Scenario((Injection(faults.Delay(5), always), Injection(faults.DropEvent(), first(1)))),
            "delay@5+drop, delay@5x*",
        ),
        (Scenario((Injection(faults.Status(418, retry_after_s=1), first(1)),)), "418@1"),
        (Scenario((Injection(faults.Status(429), first(1)),)), "status@429"),
        (Scenario((Injection(faults.CutAfter(event="a_x2", n=1), first(1)),)), "cut(event=a_x2)"),
        (Scenario((Injection(faults.Stall(event="delta", n=3), first(1)),)), "stall@delta:3"),
        (Scenario((Injection(faults.DropEvent(event="stop"), first(1)),)), "drop@stop"),
        (Scenario((Injection(faults.DropEvent(event="two words", n=2), first(1)),)), 'drop(n=2, event="two words")'),
        (Scenario((Injection(faults.RateLimited(retry_after_s=1e18), first(1)),)), "429@1000000000000000000"),
        (Scenario((Injection(faults.RateLimited(retry_after=""), first(1)),)), '429(retry_after="")'),
    ],
    ids=[
        "nothing", "two", "second", "always", "status", "bare status", "like a count", "named", "first", "words",
        "huge", "empty",
    ],
)  # fmt: skip
def test_a_scenario_is_written_as_short_text(scenario, text):
    """The text is the shortest form, and reads as the same again."""
    assert text_of(scenario) == text
    assert what_happens(scenario_from_text(text)) == what_happens(scenario)


ANY_FAULT = st.sampled_from([fault for entry in CATALOGUE for fault in entry.faults()]) | st.builds(
    faults.RateLimited,
    retry_after=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9),
    should_retry=st.sampled_from([None, True, False]),
)
SCHEDULES = (
    st.builds(first, st.integers(1, 5))
    | st.builds(lambda numbers: nth(*numbers), st.lists(st.integers(1, 9), min_size=1, max_size=3))
    | st.builds(after, st.integers(0, 5))
    | st.just(always)
)
SCENARIOS = st.builds(Scenario, st.lists(st.builds(Injection, ANY_FAULT, SCHEDULES), max_size=4).map(tuple))


@given(SCENARIOS)
def test_what_is_written_reads_back_as_the_same(scenario):
    """Whatever can be written has the same effect on every attempt when it is read again, and the same text."""
    text = text_of(scenario)

    if text is None:
        quotes = [getattr(injection.fault, "retry_after", None) for injection in scenario.injections]
        assert any(quote and {"'", '"'} <= set(quote) for quote in quotes)
        return
    read = scenario_from_text(text)
    assert what_happens(read) == what_happens(scenario)
    assert text_of(read) == text


class OwnFault:
    replaces = True

    def apply(self, outcome, context):
        return outcome


@pytest.mark.parametrize(
    "injection",
    [
        Injection(faults.RateLimited(), every(2)),
        Injection(faults.RateLimited(), chance(0.5)),
        Injection(faults.RateLimited(), first(1, when="acme")),
        Injection(faults.RateLimited(), first(1001)),
        Injection(faults.Status(500, body="x" * 3, headers=(("a", "b"),)), first(1)),
        Injection(faults.Status(500, body=b"x"), first(1)),
        Injection(OwnFault(), first(1)),
    ],
    ids=["every", "chance", "when", "many", "headers", "bytes", "own"],
)
def test_what_text_cannot_say_is_not_written(injection):
    """None says that only code can express it."""
    assert text_of(Scenario((injection,))) is None


def is_post(request):
    return request.method == "POST"


def test_code_says_everything():
    """Each line injects one fault, with the arguments that differ from their defaults."""
    scenario = Scenario(
        (
            Injection(faults.Overloaded(retry_after_s=7), first(2)),
            Injection(faults.CutAfter(event="delta", n=7, end="clean"), chance(0.2, 7, when="openai")),
            Injection(faults.ConnectError(), always),
            Injection(faults.Status(429, headers=(("a", "b"),)), nth(1, 3, when=is_post)),
        )
    )

    assert faults.code_of(scenario) == (
        "llmreplay.inject(faults.Overloaded(retry_after_s=7), on=first(2))\n"
        "llmreplay.inject(faults.CutAfter(event='delta', n=7, end='clean'), on=chance(0.2, seed=7, when='openai'))\n"
        "llmreplay.inject(faults.ConnectError(), on=always)\n"
        "llmreplay.inject(faults.Status(code=429, headers=(('a', 'b'),)), on=nth(1, 3, when=is_post))"
    )


def test_a_fault_of_the_users_own_is_written_as_it_writes_itself():
    """A fault that is no dataclass has no arguments to show."""
    code = faults.code_of(Scenario((Injection(OwnFault(), first(1)),)))

    assert code.startswith("llmreplay.inject(<")
    assert "OwnFault" in code


@given(SCENARIOS)
def test_code_makes_the_same_scenario(scenario):
    """Run, the lines inject equal faults on equal schedules."""
    injected = []

    class Recorder:
        def inject(self, fault, on):
            injected.append(Injection(fault, on))

    names = {"llmreplay": Recorder(), "faults": faults, "first": first, "nth": nth, "after": after, "always": always}
    exec(faults.code_of(scenario), names)

    assert tuple(injected) == scenario.injections


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty. For no fault at all write 'ok'."),
        ("429,,529", "nothing stands between two commas, at entry 2."),
        ("429,", "nothing stands between two commas, at entry 2."),
        ("rate_limitd", "'rate_limitd' is no fault. Did you mean 'rate_limited'?"),
        ("ConexionReset", "'ConexionReset' is no fault. Did you mean 'ConnectionReset'?"),
        ("qqq", "'qqq' is no fault."),
        ("OK", "'OK' is no fault."),
        ("cut @ 7", "'cut @ 7' cannot be read."),
        ("42", "'42' is no status: it must be 200 to 599."),
        ("600", "'600' is no status: it must be 200 to 599."),
        ("529x*, ok", "'529x*' is for all attempts to come, so nothing can follow it."),
        ("429x0", "'429x0': a count is 1 to 1000, or * for all to come."),
        ("429x999, 500x2", "'500x2' goes beyond 1000 attempts. Write x* for all to come."),
        ("429x99999999999999", "'429x99999999999999': a count is 1 to 1000, or * for all to come."),
        ("x2", "'x2' says how often, but not what."),
        ("ok+429", "'ok' is an attempt without faults, so no fault can be added to it."),
        ("ok@3", "'ok' is no fault."),
        ("cut@-1", "'cut@-1': CutAfter(events=-1): events must be a whole number, 0 or more."),
        ("cut@7(end=nice)", "'cut@7(end=nice)': CutAfter(end='nice'): choose end from 'dropped', 'reset', 'clean'."),
        ("delay", "'delay' lacks a value: delay@..."),
        ("empty@3", "'empty@3': empty takes no value after @."),
        ("delay@1(delay_s=2)", "'delay@1(delay_s=2)' sets delay_s twice."),
        ("delay(seconds=2)", "'delay(seconds=2)': 'seconds=2' is no argument of delay; choose from delay_s=...."),
        ("empty(a=1)", "'empty(a=1)': 'a=1' is no argument of empty; choose from it takes none."),
        ("cut(events=1", "'cut(events=1' has a bracket without its partner."),
        ("cut)", "'cut)' has a bracket without its partner."),
        ("429(retry_after='a)", "\"429(retry_after='a)\" has a quote without its partner."),
        (None, "it is empty. For no fault at all write 'ok'."),
    ],
    ids=str,
)  # fmt: skip
def test_bad_text_is_echoed_with_the_forms(text, why):
    """The error names the text and the part that is wrong, says why, and lists what can be written."""
    with pytest.raises(SettingError) as caught:
        scenario_from_text(text)

    first_line, _, forms = str(caught.value).partition("\n")
    assert first_line == f"scenario {text!r}: {why}"
    assert forms.splitlines()[0] == "  Write consecutive attempts, separated by commas:"
    assert all(entry.name in forms for entry in CATALOGUE)


def test_the_forms_that_are_listed_can_be_read():
    """What the error offers is right: every example in it is read without an error."""
    with pytest.raises(SettingError) as caught:
        scenario_from_text("")

    examples = re.findall(r"^    (\S.*?)(?:  |;|$)", str(caught.value), re.MULTILINE)
    assert len(examples) >= 7
    assert [scenario_from_text(example).injections for example in examples]


@given(st.text(alphabet="429x2, ok@cut()=+*'\"delayn.-/:_5", max_size=20))
def test_no_text_breaks_the_reader(text):
    """Any text is read, and then can be written again, or refused with the forms."""
    try:
        scenario = scenario_from_text(text)
    except SettingError as error:
        refusal = str(error)
    else:
        refusal = f"scenario {text!r}: "
        assert what_happens(scenario_from_text(text_of(scenario))) == what_happens(scenario)

    assert refusal.startswith(f"scenario {text!r}: ")
