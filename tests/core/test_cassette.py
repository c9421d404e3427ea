"""A cassette in memory."""

import pytest
from doubles import a_request, an_interaction

from llmreplay.core.cassette import Cassette


def a_cassette(*prompts, allow_repeats=False):
    """Give a cassette whose fingerprints are the requests' bodies, and the list of those that were made."""
    made = []

    def fingerprint_of(request):
        made.append(request)
        return request.body.decode()

    interactions = [an_interaction(prompt, f"answer {number}") for number, prompt in enumerate(prompts, 1)]
    return Cassette(interactions, fingerprint_of=fingerprint_of, allow_repeats=allow_repeats), made


def ask(cassette, prompt):
    """Give the number of the recording that answers, or None."""
    track = cassette.take(a_request(prompt).body.decode())
    return track and track.number


def test_each_recording_is_served_once_in_the_order_recorded():
    """Identical requests get their recordings in order, then nothing."""
    cassette, _ = a_cassette("a", "b", "a")

    assert [ask(cassette, prompt) for prompt in ("a", "a", "a", "b", "b")] == [1, 3, None, 2, None]


def test_requests_may_come_in_any_order():
    """Each request finds its own recording, wherever it stands."""
    cassette, _ = a_cassette("a", "b", "c")

    assert [ask(cassette, prompt) for prompt in ("c", "a", "b")] == [3, 1, 2]


def test_allow_repeats_goes_on_with_the_last():
    """With repeats allowed, the last of identical recordings answers for ever."""
    cassette, _ = a_cassette("a", "a", allow_repeats=True)

    assert [ask(cassette, "a") for _ in range(4)] == [1, 2, 2, 2]
    assert ask(cassette, "b") is None


def test_what_is_given_back_is_served_again():
    """A recording that was taken for nothing answers the next identical request, before the later ones."""
    cassette, _ = a_cassette("a", "a")
    fingerprint = a_request("a").body.decode()
    track = cassette.take(fingerprint)

    cassette.give_back(fingerprint, track)

    assert [ask(cassette, "a"), ask(cassette, "a")] == [1, 2]
    assert cassette.unplayed() == []


def test_unplayed_recordings_are_told_in_order():
    """What nobody asked for is known."""
    cassette, _ = a_cassette("a", "b", "c")
    ask(cassette, "b")

    assert [track.number for track in cassette.unplayed()] == [1, 3]


@pytest.mark.parametrize("size", [10, 1000])
def test_a_replay_in_order_makes_one_fingerprint_a_call(size):
    """The first call of a large cassette does not read all of it."""
    cassette, made = a_cassette(*range(size))

    for number in range(5):
        ask(cassette, number)

    assert len(made) == 5


def test_the_next_recording_is_served_without_a_fingerprint():
    """A request that is the next recording to the letter is answered at once, and the rest is found as ever."""
    cassette, made = a_cassette("a", "b", "c")

    track = cassette.take_next(lambda recorded: recorded.request == a_request("a"))

    assert (track.number, track.plays, made) == (1, 1, [])
    assert [ask(cassette, prompt) for prompt in ("c", "b", "a")] == [3, 2, None]


def test_the_next_recording_is_not_served_past_one_that_waits():
    """Where an earlier recording waits, or repeats are allowed, only a fingerprint can tell."""
    cassette, _ = a_cassette("a", "b", "a")
    ask(cassette, "b")
    repeating, _ = a_cassette("a", allow_repeats=True)

    assert cassette.take_next(lambda recorded: True) is None
    assert repeating.take_next(lambda recorded: True) is None
