"""What becomes of a recording: by mode, by what stood before, by whether the test passed."""

from __future__ import annotations

import pytest
from doubles import a_response, an_interaction

from llmreplay.core.keeping import Keeping, keeping
from llmreplay.core.model import End, Failure, Interaction, TransportFailure
from llmreplay.core.settings import Mode

OLD = (an_interaction("old"),)
NEW = (an_interaction("new"),)
RECORDING = (Mode.ONCE, Mode.NEW_EPISODES, Mode.REWRITE)


def an_error(outcome):
    return Interaction(an_interaction("new").request, outcome)


ERRORS = [
    an_error(a_response(status=429)),
    an_error(a_response(end=End.PEER_CLOSED)),
    an_error(TransportFailure(Failure.CONNECT_ERROR)),
    an_error(TransportFailure(Failure.CLIENT_CLOSED, after_s=0.2)),
]
ERROR_IDS = ["status", "cut", "no response", "client gave up"]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("passed", [True, False], ids=["passed", "failed"])
def test_nothing_recorded_changes_nothing(mode, passed):
    """A test that recorded nothing leaves the cassette alone, whatever happened."""
    assert keeping(mode, OLD, (), passed=passed) == Keeping()


@pytest.mark.parametrize("mode", RECORDING)
def test_the_first_recording_of_a_test_that_passed_becomes_the_cassette(mode):
    """Where nothing stood, what was recorded stands, errors included: the test passed with them."""
    recorded = (*NEW, *ERRORS)

    assert keeping(mode, None, recorded, passed=True) == Keeping(cassette=recorded)


@pytest.mark.parametrize("mode", RECORDING)
@pytest.mark.parametrize("standing", [None, OLD], ids=["no cassette", "a cassette"])
def test_a_test_that_failed_never_touches_the_cassette(mode, standing):
    """What a failed test recorded is kept aside, with the reason."""
    assert keeping(mode, standing, NEW, passed=False) == Keeping(aside=NEW, reason="the test did not pass")


def test_new_episodes_are_added_after_the_old():
    """Nothing that stood is lost, and order is kept."""
    assert keeping(Mode.NEW_EPISODES, OLD, NEW, passed=True) == Keeping(cassette=(*OLD, *NEW))


def test_rewriting_replaces_what_stood():
    """A re-recording that is no worse takes the place of the old cassette as a whole."""
    assert keeping(Mode.REWRITE, OLD, NEW, passed=True) == Keeping(cassette=NEW)


def test_a_test_of_a_deadline_can_be_recorded_again():
    """A client that gives up as it did before brings no error where an answer stood."""
    gave_up = an_error(TransportFailure(Failure.CLIENT_CLOSED, after_s=0.2))
    recorded = (*NEW, gave_up)

    assert keeping(Mode.REWRITE, (*OLD, gave_up), recorded, passed=True) == Keeping(cassette=recorded)


@pytest.mark.parametrize("error", ERRORS, ids=ERROR_IDS)
def test_rewriting_does_not_put_errors_where_answers_stood(error):
    """A re-recording with more errors than before is kept aside, though the test passed."""
    recorded = (*NEW, error)

    verdict = keeping(Mode.REWRITE, OLD, recorded, passed=True)

    assert verdict == Keeping(aside=recorded, reason="it brought errors where answers stood")


@pytest.mark.parametrize("error", ERRORS, ids=ERROR_IDS)
def test_as_many_errors_as_before_are_no_reason_to_keep_the_old(error):
    """A test about errors can be recorded again."""
    standing, recorded = (ERRORS[0], *OLD), (error, *NEW)

    assert keeping(Mode.REWRITE, standing, recorded, passed=True) == Keeping(cassette=recorded)


@pytest.mark.parametrize("passed", [True, False], ids=["passed", "failed"])
def test_accept_takes_a_recording_whatever_it_holds(passed):
    """Somebody who says so gets the cassette replaced by errors, and by what a failed test brought."""
    recorded = (*NEW, *ERRORS)

    assert keeping(Mode.REWRITE, OLD, recorded, passed=passed, accept=True) == Keeping(cassette=recorded)


@pytest.mark.parametrize("error", ERRORS, ids=ERROR_IDS)
def test_an_error_that_stood_excuses_none_in_the_place_of_an_answer(error):
    """A recording of a retry and its answer is not replaced by an error alone, though there were errors before."""
    standing = (ERRORS[0], *OLD)

    verdict = keeping(Mode.REWRITE, standing, (error,), passed=True)

    assert verdict == Keeping(aside=(error,), reason="it brought errors where answers stood")
