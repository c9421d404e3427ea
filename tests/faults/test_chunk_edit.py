import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.core.model import Chunk
from llmreplay.faults.chunk_edit import first_bytes, insert_bytes, rechunked, replace_bytes, replace_ranges, split_at

CHUNKS = st.lists(
    st.builds(Chunk, st.binary(min_size=1, max_size=6), st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([0.0, 4.0])),
    min_size=1,
    max_size=6,
).map(tuple)


def joined(chunks):
    return b"".join(chunk.data for chunk in chunks)


def times(chunks):
    return sum(chunk.after_s for chunk in chunks), sum(chunk.delay_s for chunk in chunks)


@given(CHUNKS, st.integers(0, 40))
def test_first_bytes_are_the_first_bytes(chunks, size):
    """The bytes are the body's first; whole chunks stay the same, and none is empty."""
    kept = first_bytes(chunks, size)

    assert joined(kept) == joined(chunks)[:size]
    assert kept[:-1] == chunks[: len(kept) - 1 if kept else 0]
    assert all(chunk.data for chunk in kept)


@given(CHUNKS, st.lists(st.integers(0, 40), max_size=4))
def test_splitting_changes_no_byte_and_no_time(chunks, offsets):
    """Each offset becomes a boundary, the old ones stay, and the parts of a chunk arrive together."""
    parts = split_at(chunks, offsets)

    ends = {len(joined(parts[:count])) for count in range(len(parts) + 1)}
    assert joined(parts) == joined(chunks)
    assert times(parts) == times(chunks)
    assert {offset for offset in offsets if offset <= len(joined(chunks))} <= ends
    assert {len(joined(chunks[:count])) for count in range(len(chunks) + 1)} <= ends
    assert all(chunk.data for chunk in parts)


@given(CHUNKS, st.data())
def test_replaced_bytes_are_replaced(chunks, data):
    """The bytes are those of the body with the ranges exchanged; no time is lost unless the last chunk goes."""
    body = joined(chunks)
    marks = data.draw(st.lists(st.integers(0, len(body)), max_size=6, unique=True).map(sorted))
    ranges = list(zip(marks[::2], marks[1::2], strict=False))
    edits = [(start, stop, data.draw(st.binary(max_size=4))) for start, stop in ranges]

    changed = replace_ranges(chunks, edits)

    expected = body
    for start, stop, new in reversed(edits):
        expected = expected[:start] + new + expected[stop:]
    assert joined(changed) == expected
    assert all(chunk.data for chunk in changed)
    if not edits or edits[-1][1] < len(body):
        assert times(changed) == times(chunks)
    if len(edits) == 1:
        assert replace_bytes(chunks, *edits[0]) == changed


@given(CHUNKS, st.data(), st.binary(min_size=1, max_size=4))
def test_inserted_bytes_are_inserted(chunks, data, new):
    """The bytes stand where they were put, and no time is lost or gained."""
    body = joined(chunks)
    offsets = data.draw(st.lists(st.integers(0, len(body)), max_size=5, unique=True).map(sorted))

    changed = insert_bytes(chunks, offsets, new)

    expected = body
    for at in reversed(offsets):
        expected = expected[:at] + new + expected[at:]
    assert joined(changed) == expected
    assert times(changed) == times(chunks)


def test_bytes_go_in_at_a_boundary_as_a_chunk_of_their_own():
    """Where a chunk ends no chunk is touched; inside of one it grows."""
    chunks = (Chunk(b"ab", 1.0), Chunk(b"cd", 1.0))

    assert insert_bytes(chunks, [2], b"x") == (chunks[0], Chunk(b"x"), chunks[1])
    assert insert_bytes(chunks, [4], b"x") == (*chunks, Chunk(b"x"))
    assert insert_bytes(chunks, [1], b"x") == (Chunk(b"axb", 1.0), chunks[1])
    assert insert_bytes((), [0], b"x") == (Chunk(b"x"),)


def test_replaced_bytes_stand_in_the_chunk_of_the_first_of_them():
    """A range over several chunks leaves its new bytes in the first, and the time of one that goes to the next."""
    chunks = (Chunk(b"ab", 1.0), Chunk(b"cd", 2.0, 4.0), Chunk(b"ef", 3.0))

    assert replace_bytes(chunks, 1, 5, b"X") == (Chunk(b"aX", 1.0), Chunk(b"f", 5.0, 4.0))


@given(CHUNKS, st.lists(st.integers(1, 9), min_size=40, max_size=40))
def test_rechunking_keeps_bytes_and_times(chunks, sizes):
    """Bytes and total times stay, and every chunk but the last has its size."""
    made = rechunked(chunks, iter(sizes))

    assert joined(made) == joined(chunks)
    assert times(made) == pytest.approx(times(chunks))
    assert [len(chunk.data) for chunk in made[:-1]] == sizes[: len(made) - 1]
    assert all(chunk.after_s >= 0 for chunk in made)
