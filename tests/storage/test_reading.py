"""Loading is lean: of a file nothing is held twice for long."""

from __future__ import annotations

import tracemalloc

import pytest
from storage_doubles import an_interaction

from llmreplay.storage.files import load, save


@pytest.mark.parametrize(
    ("held", "most_files"),
    [
        ([an_interaction(b'{"a":"' + b"x" * 1500 + b'"}')] * 2000, 2.0),
        ([an_interaction(b'{"a":"' + b"x" * 3_000_000 + b'"}')], 3.0),
    ],
    ids=["many small interactions", "a large one"],
)
def test_loading_takes_hardly_more_than_the_file(tmp_path, held, most_files):
    """Bodies are kept as text, once, and restored when they are asked for."""
    path = tmp_path / "a.json"
    save(path, held)

    tracemalloc.start()
    try:
        stored = load(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(stored) == len(held)
    assert most <= most_files * path.stat().st_size
