"""Checks on answers: tokens, stop reasons, whole streams, histories, tool loops, the prompt cache."""

from __future__ import annotations

from dataclasses import replace

import pytest
from call_doubles import a_call, a_stream, an_attempt, calls_of
from doubles import a_request, a_response

from llmreplay import assertions
from llmreplay.core.model import End


def failing(check, calls, *arguments, **named):
    """Give the first two lines of a check's failure; the table must follow."""
    with pytest.raises(AssertionError) as caught:
        check(calls, *arguments, **named)
    claim, found, blank, *table = str(caught.value).splitlines()
    assert (blank, table[0].split()) == ("", ["call", "try", "at", "waited", "status", "fault", "what", "came"])
    return f"{claim} {found.strip()}"


def using(**usage):
    return a_call(an_attempt(usage=usage))


def saying(*messages, name="messages", **body):
    """A call that sends these messages."""
    return a_call(an_attempt(request=a_request(**{name: list(messages)}), **body))


@pytest.mark.parametrize(
    ("limits", "is_fine"),
    [
        ({"max_output_tokens": 30}, True),
        ({"max_output_tokens": 29}, False),
        ({"min_output_tokens": 30}, True),
        ({"min_output_tokens": 31}, False),
        ({"output_tokens": 30}, True),
        ({"output_tokens": 20}, False),
        ({"input_tokens": 3, "max_output_tokens": 99}, True),
        ({"input_tokens": 3, "max_output_tokens": 1}, False),
    ],
    ids=str,
)
def test_usage_is_that_of_all_calls_together(limits, is_fine):
    """Counts are added up; each limit holds by itself."""
    calls = calls_of(using(input_tokens=1, output_tokens=10), using(input_tokens=2, output_tokens=20))

    if is_fine:
        calls.assert_usage(**limits)
    else:
        assert "output_tokens is 30" in failing(assertions.assert_usage, calls, **limits)


def test_usage_that_one_call_does_not_report_is_unknown():
    """A limit on a count that nobody knows fails, as it may well be exceeded."""
    calls = calls_of(using(output_tokens=10), a_call(200))

    assert failing(assertions.assert_usage, calls, max_output_tokens=99) == (
        "expected max_output_tokens = 99 but output_tokens is unknown, as a call does not report it"
    )


def test_usage_of_a_call_that_failed_does_not_count_as_unknown():
    """An error has no usage, and none is missing."""
    calls_of(using(output_tokens=10), a_call(500, 500)).assert_usage(output_tokens=10)


def test_usage_refuses_a_limit_that_is_none():
    """A misspelt limit is an error, with the names that there are."""
    with pytest.raises(TypeError, match=r"assert_usage\(max_tokens=\.\.\.\): choose from input_tokens, output_tokens"):
        calls_of(using(output_tokens=1)).assert_usage(max_tokens=3)


def test_stop_reasons_are_compared_in_order():
    """One canonical reason for each call."""
    calls = calls_of(a_call(an_attempt(stop="tool_use")), (500, 200))

    calls.assert_stop_reasons("tool_use", "stop")
    assert failing(assertions.assert_stop_reasons, calls, "stop", "tool_use") == (
        "expected the stop reasons ['stop', 'tool_use'] but they are ['tool_use', 'stop']"
    )


def test_streams_are_complete_if_they_reached_their_terminal_event():
    """A stream that ends without it was cut short, however well the connection ended; the last attempt counts."""
    whole = a_call(an_attempt(a_stream()))
    retried = a_call(an_attempt(a_stream(end=End.PEER_CLOSED, whole=False)), an_attempt(a_stream()))
    cut = a_call(an_attempt(a_stream(whole=False)))

    calls_of(whole, retried, (200,)).assert_all_streams_complete()
    assert failing(assertions.assert_all_streams_complete, calls_of(whole, cut, whole, cut)) == (
        "expected every answer to be whole but call 2, 4 was cut short"
    )


@pytest.mark.parametrize("outcome", [a_response(), a_stream()], ids=["a body", "a stream"])
def test_what_no_client_can_decode_is_not_whole(outcome):
    """It says nothing, though its bytes would: neither text nor stop reason."""
    labelled = replace(outcome, headers=(*outcome.headers, ("content-encoding", "gzip")))
    calls = calls_of(a_call(an_attempt(labelled)))

    call = calls.one()
    assert (call.is_complete, call.text, call.stop_reason) == (False, "", None)
    assert call.error == "content-encoding gzip cannot be undone"
    assert failing(assertions.assert_all_streams_complete, calls) == (
        "expected every answer to be whole but call 1 was cut short"
    )


@pytest.mark.parametrize("name", ["messages", "input", "contents"])
def test_a_history_grows_if_every_message_is_sent_again(name):
    """Each call sends the messages of the one before, and more, by whatever name its api has for them."""
    calls_of(saying("a", name=name), saying("a", "b", "c", name=name)).assert_history_grows()


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ([["a", "b"], ["b", "c"]], "message 1 of call 1 is a; in call 2 it is b"),
        ([["a", {"b": "ü"}], ["a"]], 'message 2 of call 1 is {"b": "ü"}; in call 2 it is missing'),
        ([["a", "b" * 200], ["a", "c", "d"]], f"message 2 of call 1 is {'b' * 99}…; in call 2 it is c"),
        ([["a"], ["a", "b"], ["a", "b"]], "call 3 adds no message"),
        ([["a"]], "there is only one call"),
        ([], "there is none"),
    ],
    ids=["lost", "cut off", "changed", "repeated", "one call", "none"],
)
def test_a_history_that_does_not_grow_is_found(sent, found):
    """A turn that was lost, changed or not added is named by its place."""
    calls = calls_of(*(saying(*messages) for messages in sent))

    with pytest.raises(AssertionError) as caught:
        calls.assert_history_grows()

    assert str(caught.value).splitlines()[:2] == ["expected a history that grows", f"  but {found}"]


def test_a_history_without_messages_is_none():
    """An api without messages has no history to grow."""
    assert failing(assertions.assert_history_grows, calls_of((200,), (200,))) == (
        "expected a history that grows but call 1 or the next has no messages"
    )


def a_loop(*, result="tool_1", last=()):
    """A model that asks for the weather, is told it, and answers."""
    asking = saying("weather?", tools=[["tool_1", "get_weather", "{}"]])
    asked = {"role": "assistant", "content": [{"type": "tool_use", "id": "tool_1", "name": "get_weather"}]}
    return calls_of(asking, saying("weather?", asked, {"tool_use_id": result}, tools=last))


def test_a_tool_loop_answers_every_tool_and_ends():
    """The tool was asked for, its result was sent under its id, and the last answer asks for none."""
    a_loop().assert_tool_loop()
    a_loop().assert_tool_loop("get_weather")


@pytest.mark.parametrize(
    ("calls", "names", "expected"),
    [
        (a_loop(), ("get_time",), "expected the tools ['get_time'] but asked for were ['get_weather']"),
        (calls_of((200,)), (), "expected the tools of any name but asked for were []"),
        (
            a_loop(result="tool_2"),
            (),
            "expected every tool call to get its result but get_weather (tool_1) never got one",
        ),
        (
            a_loop(last=[["", "get_weather", "{}"]]),
            (),
            "expected the loop to end but the last answer asks for a tool again",
        ),
    ],
    ids=["another tool", "no tool", "no result", "no end"],
)
def test_a_tool_loop_that_is_none_is_found(calls, names, expected):
    """Tools of another name, none at all, a result that is missing, and a loop that did not end."""
    assert failing(assertions.assert_tool_loop, calls, *names) == expected


def test_the_prompt_cache_was_used_if_tokens_came_from_it():
    """The tokens of all calls count; unknown is not used."""
    calls = calls_of(using(cache_read_tokens=0), using(cache_read_tokens=900))

    calls.assert_prompt_cache_used(min_tokens=900)
    assert failing(assertions.assert_prompt_cache_used, calls, min_tokens=901) == (
        "expected 901 tokens or more from the prompt cache but it was 900"
    )
    assert failing(assertions.assert_prompt_cache_used, calls_of((200,))).endswith("but it was None")
