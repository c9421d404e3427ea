"""What a client asks, made out when it is needed."""

import pytest
from doubles import A_CATALOGUE, URL, a_recorder, a_request, a_response, an_interaction

from llmreplay.core.asked import Asked
from llmreplay.core.matching import fingerprint, rules_from
from llmreplay.core.model import End, Interaction

RULES = rules_from((), (), apis=A_CATALOGUE.apis, feature_headers=A_CATALOGUE.feature_headers)


def test_what_is_asked_is_redacted_once_and_only_when_looked_at():
    """Redaction waits for the first look and is not repeated for the next."""
    seen = []
    asked = Asked(a_request("hi"), rules=RULES, redacted=lambda request: seen.append(request) or a_request("REDACTED"))

    assert not asked.is_verbatim(an_interaction("ho"))
    assert seen == []
    assert asked.request == asked.request == a_request("REDACTED")
    assert asked.fingerprint == fingerprint(a_request("REDACTED"), RULES)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "other",
    [
        a_request("ho"),
        a_request("hi", url=URL + "?beta=1"),
        a_request("hi", headers=[("example-beta", "tools")]),
        a_request("hi", headers=[("example-beta", "a, b")]),
    ],
    ids=["another body", "another query", "one more feature", "two more features"],
)
def test_what_may_count_is_not_verbatim(other):
    """No request with another fingerprint passes for the same."""
    assert fingerprint(other, RULES) != fingerprint(a_request("hi"), RULES)
    assert not Asked(a_request("hi"), rules=RULES).is_verbatim(Interaction(other, a_response()))
    assert not Asked(other, rules=RULES).is_verbatim(an_interaction("hi"))


def test_headers_that_do_not_count_do_not_matter():
    """A recording without the client's other headers is still the same to the letter."""
    sent = a_request("hi", headers=[("x-api-key", "k"), ("user-agent", "sdk 2")])

    assert Asked(sent, rules=RULES).is_verbatim(an_interaction("hi"))


def test_identical_recordings_keep_their_order_when_one_was_passed_over():
    """A recording that waits is served before an identical later one, though that stands next."""
    recorder = a_recorder([an_interaction("a", "first"), an_interaction("b"), an_interaction("a", "second")])

    bodies = [recorder.plan(a_request(prompt)).outcome.body for prompt in ("b", "a", "a")]

    assert b"first" in bodies[1]
    assert b"second" in bodies[2]


def test_a_replay_in_order_needs_no_redaction_of_bodies(monkeypatch):
    """As long as each request is the next recording to the letter, no fingerprint is made."""
    recorder = a_recorder([an_interaction("a"), an_interaction("b")])
    made = []
    monkeypatch.setattr("llmreplay.core.asked.fingerprint", lambda *given: made.append(given) or "print")

    for prompt in ("a", "b"):
        recorder.delivered(recorder.plan(a_request(prompt)).attempt, 1, End.COMPLETE)

    assert made == []
    assert [call.text for call in recorder.calls] == ["hello", "hello"]


def test_a_recording_that_was_taken_whole_is_read_again_by_those_who_ask():
    """An answer leaves the memory with the client's last chunk; one that was cut short stays as it was got."""
    recorder = a_recorder([an_interaction("a", "first"), an_interaction("b", "second")])
    whole = recorder.plan(a_request("a")).attempt
    cut = recorder.plan(a_request("b")).attempt

    recorder.delivered(whole, 1, End.COMPLETE)
    recorder.delivered(cut, 0, End.CLIENT_CLOSED)

    assert whole._outcome is None
    assert (whole.outcome, whole.request) == (an_interaction("a", "first").outcome, a_request("a"))
    assert (cut.outcome.chunks, cut.outcome.end) == ((), End.CLIENT_CLOSED)
    assert recorder.calls[0].text == "first"
