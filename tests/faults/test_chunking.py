import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay import faults
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultCannotApply
from llmreplay.core.model import Chunk

from .fault_doubles import a_body, a_context, a_stream, an_ndjson_stream, names_in, sse_raws

REPOSITORY = Path(__file__).parents[2]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=9))
def test_rechunking_changes_no_byte_and_no_time(sizes):
    """The body, its events and the time it takes stay; the chunks have the sizes asked for, over and over."""
    made = faults.Rechunk(sizes=tuple(sizes)).apply(a_stream(), a_context())

    assert made.body == a_stream().body
    assert [len(chunk.data) for chunk in made.chunks[:-1]] == [
        sizes[index % len(sizes)] for index in range(len(made.chunks) - 1)
    ]
    assert sum(chunk.after_s for chunk in made.chunks) == pytest.approx(0.6)


def test_a_byte_arrives_when_it_did():
    """A chunk comes with its last byte: neither sooner nor later."""
    stream = a_stream(chunks=(Chunk(b"ab", 1.0, 0.5), Chunk(b"cd", 2.0)))

    made = faults.Rechunk(sizes=(1, 2)).apply(stream, a_context())

    assert made.chunks == (Chunk(b"a", 1.0, 0.5), Chunk(b"bc", 2.0), Chunk(b"d"))


def test_one_size_needs_no_tuple():
    """`sizes=1` is byte by byte."""
    made = faults.Rechunk(sizes=1).apply(a_stream(), a_context())

    assert {len(chunk.data) for chunk in made.chunks} == {1}


def test_a_seed_makes_the_same_chunks_in_every_process():
    """The sizes follow from the seed alone, whatever the process's hash seed."""
    code = (
        "from llmreplay.faults.chunking import _seeded_sizes; from itertools import islice;"
        "print(list(islice(_seeded_sizes(7), 40)))"
    )

    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    made = faults.Rechunk(seed=7).apply(a_stream(), a_context())
    sizes = [len(chunk.data) for chunk in made.chunks[:-1]]
    assert [run.startswith(str(sizes)[:-1]) for run in runs] == [True]
    assert made != faults.Rechunk(seed=8).apply(a_stream(), a_context())


@pytest.mark.parametrize(
    ("fault", "ping"),
    [
        (faults.Pings(), b": keep-alive\n\n"),
        (faults.Pings(text="OPENROUTER PROCESSING"), b": OPENROUTER PROCESSING\n\n"),
        (faults.Pings(form="event"), b'event: ping\ndata: {"type": "ping"}\n\n'),
    ],
    ids=["comment", "text", "event"],
)
def test_pings_stand_before_each_event(fault, ping):
    """Each comes at once, in a chunk of its own, and every event is whole."""
    pinged = fault.apply(a_stream(), a_context())

    assert [chunk.data for chunk in pinged.chunks] == [data for raw in sse_raws() for data in (ping, raw)]
    assert sum(chunk.after_s for chunk in pinged.chunks) == pytest.approx(0.6)


def test_pings_may_be_rare():
    """`every=3` puts one before the third and the sixth event."""
    pinged = faults.Pings(every=3, form="event").apply(a_stream(), a_context())

    assert names_in(pinged) == ["start", "delta", "ping", "delta", "delta", "usage", "ping", "stop"]


@given(st.lists(st.integers(1, 90), min_size=1, max_size=20))
def test_pings_never_fall_into_an_event(sizes):
    """However the bytes arrived, without the comments the stream is what it was."""
    stream = faults.Rechunk(sizes=tuple(sizes)).apply(a_stream(), a_context())

    pinged = faults.Pings(text="zz").apply(stream, a_context())

    assert pinged.body.replace(b": zz\n\n", b"") == stream.body
    assert names_in(pinged) == names_in(stream)


@pytest.mark.parametrize(
    ("fault", "answer", "is_streamed", "reason"),
    [
        (faults.Rechunk(seed=1), a_body(), False, "does not stream"),
        (faults.Rechunk(seed=1), a_stream(chunks=()), True, "the stream is empty"),
        (faults.Pings(), a_body(), False, "does not stream"),
        (faults.Pings(), an_ndjson_stream(), True, "a stream of the format ndjson has no keep-alives"),
        (faults.Pings(every=7), a_stream(), True, "the stream has 6 events"),
    ],
    ids=["plain", "empty", "plain pings", "lines", "too few"],
)
def test_what_cannot_be_rechunked_or_pinged_is_an_error(fault, answer, is_streamed, reason):
    """The reason says what the answer lacks."""
    with pytest.raises(FaultCannotApply, match=reason):
        fault.apply(answer, a_context(is_streamed=is_streamed))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: faults.Rechunk(),
            "Rechunk(sizes=(), seed=None): say how, in one of two ways: Rechunk(sizes=(1, 5)), or Rechunk(seed=7).",
        ),
        (
            lambda: faults.Rechunk(sizes=(1,), seed=2),
            "Rechunk(sizes=(1,), seed=2): say how, in one of two ways: Rechunk(sizes=(1, 5)), or Rechunk(seed=7).",
        ),
        (lambda: faults.Rechunk(sizes=(1, 0)), "Rechunk(sizes=0): sizes must be a whole number, 1 or more."),
        (lambda: faults.Rechunk(sizes="12"), "Rechunk(sizes='12'): sizes must be a tuple of numbers of bytes."),
        (lambda: faults.Rechunk(seed=-1), "Rechunk(seed=-1): seed must be a whole number, 0 or more."),
        (lambda: faults.Pings(every=0), "Pings(every=0): every must be a whole number, 1 or more."),
        (lambda: faults.Pings(form="x"), "Pings(form='x'): choose form from 'comment', 'event'."),
        (lambda: faults.Pings(text="a\nb"), "Pings(text='a\\nb'): text must be printable ASCII text in one line."),
    ],
    ids=["nothing", "both", "zero", "text", "seed", "every", "form", "newline"],
)
def test_wrong_arguments_raise_where_they_are_written(make, message):
    """The error echoes the value and says what is allowed."""
    with pytest.raises(SettingError) as caught:
        make()

    assert str(caught.value) == message
