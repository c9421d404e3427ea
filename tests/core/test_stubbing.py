"""Stubs: given once, in order, to the requests they are for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from doubles import a_request, a_response, an_api

from llmreplay.core.errors import Unplayed
from llmreplay.core.model import Reply, ToolCall
from llmreplay.core.stubbing import Stub, Stubs

API = an_api(build_response=lambda reply, request, is_streamed: a_response(f"{reply.text} {is_streamed}"))


def asking_for(word):
    return lambda request, api: word in request.body.decode()


def test_they_are_given_in_the_order_registered():
    """One for each request, until none is left."""
    stubs = Stubs()
    stubs.add([Stub(Reply(text="a")), Stub(Reply(text="b"))])

    assert [stubs.take(a_request(), API).reply.text for _ in range(2)] == ["a", "b"]
    assert stubs.take(a_request(), API) is None


def test_one_with_a_selector_waits_for_its_request():
    """A stub for other requests is passed over and kept."""
    stubs = Stubs()
    stubs.add([Stub(Reply(text="for x"), asking_for("x")), Stub(Reply(text="for any"))])

    assert stubs.take(a_request("y"), API).reply.text == "for any"
    assert stubs.take(a_request("y"), API) is None
    assert stubs.take(a_request("x"), API).reply.text == "for x"


def test_one_that_is_given_back_stands_in_its_old_place():
    """A stub whose attempt failed is given again, and before none that stood before it."""
    stubs = Stubs()
    stubs.add([Stub(Reply(text="for x"), asking_for("x")), Stub(Reply(text="any 1")), Stub(Reply(text="any 2"))])

    stubs.give_back(stubs.take(a_request("y"), API))

    assert [stubs.take(a_request(prompt), API).reply.text for prompt in "xyy"] == ["for x", "any 1", "any 2"]


@pytest.mark.parametrize("api", [None, replace(API, build_response=None)], ids=["no api", "no builder"])
def test_an_api_that_cannot_be_answered_for_gets_none(api):
    """Where no row can make an answer up, the stub is left for another request."""
    stubs = Stubs()
    stubs.add([Stub(Reply(text="a"))])

    assert stubs.take(a_request(), api) is None


@pytest.mark.parametrize("is_streamed", [True, False])
def test_the_answer_is_streamed_as_the_request_asks(is_streamed):
    """The request decides, not the stub."""
    api = replace(API, is_streamed=lambda path, body: body["stream"])

    response = Stub(Reply(text="a")).response(a_request(stream=is_streamed), api)

    assert response.body == f'{{"text": "a {is_streamed}"}}'.encode()


def test_those_left_over_are_told():
    """A stub that nobody asked for is a problem with its text and tools."""
    stubs = Stubs()
    stubs.add([Stub(Reply(text="a")), Stub(Reply(text="b", tool_calls=(ToolCall("", "get_weather", "{}"),)))])
    stubs.take(a_request(), API)

    problem = stubs.problem("let them be")

    assert isinstance(problem, Unplayed)
    assert "1 of 2 made-up replies were never asked for." in str(problem)
    assert "'b' ['get_weather']" in str(problem)
    assert "take these replies out of the test" in str(problem)
    assert "let them be" in str(problem)
