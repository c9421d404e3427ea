"""One cassette serves every version of an SDK: recorded with the current ones, replayed with those installed here."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmreplay import use_cassette

from .sdk_variants import EMBEDDINGS, VARIANTS, Variant

CASSETTE = Path(__file__).parent / "cassettes" / "every_client.json"
PROMPT = "Where is Paris?"
SETTINGS = {"allow_repeats": True, "on_unplayed": "ignore"}


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_cassette_in_the_repository_answers_every_client(variant: Variant) -> None:
    """Each way to ask, of each SDK version we support, is answered from recordings made with another."""
    with use_cassette(CASSETTE, mode="none", **SETTINGS) as replay:
        seen = variant.run(PROMPT)

    call = replay.calls.one()
    assert seen
    assert call.is_complete
    assert call.api == variant.api
    assert variant.api == EMBEDDINGS or f'You asked "{PROMPT}"' in call.text
