"""Refusals as test failures, in this process and out of another."""

from __future__ import annotations

import copy
import pickle

import pytest

from llmreplay.core.errors import (
    CassetteError,
    Difference,
    MissingExtra,
    ReadPastEnd,
    Refusal,
    SettingError,
    UnmatchedRequest,
)
from llmreplay.report.failing import as_test_failure

UNMATCHED = UnmatchedRequest(
    request="POST https://api.example.ai/v1/chat",
    cassette="cassettes/a.json: 1 interaction, 0 already played",
    nearest="interaction 1, which differs in 1 place:",
    differences=[Difference("$.prompt", '"hi"', '"ho"')],
    advice=[("Meant to change?", "pytest a.py::test_a --llmreplay-mode=rewrite")],
)
REFUSALS = pytest.mark.parametrize(
    "refusal", [UNMATCHED, ReadPastEnd("POST https://a.example/b", 3, "type this")], ids=["unmatched", "read past end"]
)


@REFUSALS
def test_a_failure_comes_out_of_another_process_as_it_was(refusal: Refusal):
    """Pickled and made again, it has the same class, text and data, and still fails a test."""
    failure = as_test_failure(refusal)

    again = pickle.loads(pickle.dumps(failure))

    assert type(again) is type(failure)
    assert isinstance(again, pytest.fail.Exception)
    assert str(again) == str(refusal)
    assert again.__dict__ == failure.__dict__


@REFUSALS
def test_a_refusal_comes_out_of_another_process_as_it_was(refusal: Refusal):
    """So does one outside of pytest."""
    again = pickle.loads(pickle.dumps(refusal))

    assert type(again) is type(refusal)
    assert (str(again), again.__dict__) == (str(refusal), refusal.__dict__)


@pytest.mark.parametrize(
    "error",
    [CassetteError("a.json", "it is empty", "Record it.", "line 1"), SettingError("wrong"), MissingExtra("It", "vcr")],
    ids=["cassette", "setting", "extra"],
)
def test_an_error_comes_out_of_another_process_as_it_was(error: Exception):
    """Errors that are no refusals keep class, text and data too."""
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is type(error)
    assert (str(again), again.__dict__) == (str(error), error.__dict__)


def test_a_failure_can_be_copied():
    """A copy says the same."""
    failure = as_test_failure(UNMATCHED)

    assert str(copy.copy(failure)) == str(failure)
