"""Loading is lean: bodies stay slices of the file."""

from __future__ import annotations

import tracemalloc

from storage_doubles import an_interaction

from llmreplay.storage.files import load, save


def test_loading_takes_no_more_than_three_times_the_file(tmp_path):
    """Bodies stay slices of the file: many small interactions, or a large one."""
    small = [an_interaction(b'{"a":"' + b"x" * 1500 + b'"}')] * 2000
    for held in (small, [an_interaction(b'{"a":"' + b"x" * 3_000_000 + b'"}')]):
        path = tmp_path / f"{len(held)}.json"
        save(path, held)

        tracemalloc.start()
        try:
            stored = load(path)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert len(stored) == len(held)
        assert most <= 3 * path.stat().st_size, len(held)
