"""Shortened texts: what is left of a known secret around an ellipsis is taken out of what is shown."""

from __future__ import annotations

import pytest

from llmreplay.core.redaction import Redactor

SECRET = "wJ9x/Qm2+Lr7Tz4Vb8Nc1Kd5Hs3Gf6Yp0a=Ue"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("assert 'wJ9x/Qm2+Lr7...f6Yp0a=Ue' == 'x'", "assert 'REDACTED' == 'x'"),
        ("ValueError: bad key wJ9x/Qm2...", "ValueError: bad key REDACTED"),
        ("...f6Yp0a=Ue'", "REDACTED'"),
        ("wJ9x/Qm2+L…", "REDACTED"),
        ("and so on... wJ9x", "and so on... wJ9x"),
    ],
    ids=["middle left out", "end left out", "beginning left out", "one character", "too little to tell"],
)
def test_what_is_left_of_a_shortened_secret_is_not_shown(shown, expected):
    """Six characters or more of a known secret, next to an ellipsis, are replaced."""
    redactor = Redactor([SECRET])

    assert redactor.text(shown) == expected
    assert redactor.text(expected) == expected
