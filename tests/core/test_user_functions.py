"""Functions of the user's that fail are told as what they are."""

from functools import partial
from pathlib import Path

import pytest
from doubles import a_recorder, a_request, an_interaction

from llmreplay.core.errors import SettingProblem
from llmreplay.core.redaction import Redactor
from llmreplay.core.user_functions import place_of, text_function
from llmreplay.faults.schedule import RequestIs

HERE = Path(__file__)


def forgets(text):
    """Rewrite a text, and forget to give it back."""
    text.lower()


def breaks(text, mark="x"):
    """Raise whatever the text."""
    raise KeyError(mark)


class Rewriter:
    """Is called like a function, and has a method that is one."""

    def __call__(self, text):
        return 7

    def rewrite(self, text):
        return text.encode()


def test_a_function_that_raises_is_named_with_setting_place_and_cause():
    """The refusal says all that is needed to find and repair the function."""
    with pytest.raises(SettingProblem) as caught:
        text_function("normalize", breaks)("a text")

    assert str(caught.value) == (
        "a function of yours that a setting names did not do its work.\n\n"
        "  setting   normalize\n"
        f"  function  breaks  ({HERE}:{breaks.__code__.co_firstlineno})\n"
        "  problem   raised KeyError: 'x'\n\n"
        "  Meant?    it is called for every request: it must not raise"
    )
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("function", "kind"),
    [(forgets, "NoneType"), (Rewriter(), "int"), (Rewriter().rewrite, "bytes")],
    ids=["nothing", "a number", "bytes"],
)
def test_a_function_that_gives_no_text_back_is_refused(function, kind):
    """A forgotten `return` matches nothing, where it made every prompt the same."""
    with pytest.raises(SettingProblem, match=f"gave {kind} back, and must give a text: str"):
        text_function("normalize", function)("a text")


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (partial(breaks, mark="y"), "breaks  ("),
        (Rewriter(), "Rewriter  ("),
        (Rewriter().rewrite, "Rewriter.rewrite  ("),
        (str.lower, "str.lower"),
    ],
    ids=["partial", "callable", "method", "builtin"],
)
def test_every_kind_of_callable_has_a_name(function, name):
    """Whatever can be called is named, with its place where it has one."""
    assert place_of(function).startswith(name)
    assert place_of(function).count(str(HERE)) == name.count("(")


@pytest.mark.parametrize("function", [forgets, breaks], ids=["no text", "raises"])
def test_a_recorder_refuses_and_tells_it_again_at_the_end(function):
    """The refusal is raised, is kept for the end, and the call log can still be read."""
    recorder = a_recorder([an_interaction("ho")], normalize=[function])

    with pytest.raises(SettingProblem) as caught:
        recorder.plan(a_request("hi"))

    assert recorder.problems()[0] == ("on_unmatched", caught.value)
    assert [call.last.source.value for call in recorder.calls] == ["refused"]


@pytest.mark.parametrize("function", [forgets, breaks], ids=["no text", "raises"])
def test_a_redactor_does_not_pass_on_what_its_function_failed_at(function):
    """Neither the text nor another comes back, and what stands in its place holds nothing of it."""
    redactor = Redactor(redact=[function])

    with pytest.raises(SettingProblem) as caught:
        redactor.text("the words of a secret")

    assert "  setting   redact\n" in str(caught.value)
    assert "secret" not in caught.value.unshown


def test_a_text_that_is_no_utf8_is_written_all_the_same():
    """A function may give back what UTF-8 has no bytes for."""
    redactor = Redactor(redact=[lambda text: text.replace("words", "\ud800")])

    assert redactor.text("the words") == "the ?"


def test_a_condition_that_raises_is_named():
    """A function after `when=` that fails is no failure of the connection."""
    with pytest.raises(SettingProblem, match=r"setting   when\n  function  breaks  \("):
        RequestIs(breaks)(a_request(), None)
