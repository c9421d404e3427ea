import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Schedule
from llmreplay.faults.schedule import after, always, chance, every, first, nth

from .fault_doubles import a_request, an_api

REPOSITORY = Path(__file__).parents[2]


def hit(schedule, count=8):
    """The attempts that are hit, by number."""
    return [attempt for attempt in range(1, count + 1) if schedule.hits(attempt, f"key{attempt}")]


@pytest.mark.parametrize(
    ("schedule", "attempts", "written"),
    [
        (first(1), [1], "first(1)"),
        (first(3), [1, 2, 3], "first(3)"),
        (nth(2), [2], "nth(2)"),
        (nth(5, 1, 5), [1, 5], "nth(1, 5)"),
        (every(3), [3, 6], "every(3)"),
        (every(1), [1, 2, 3, 4, 5, 6, 7, 8], "every(1)"),
        (after(0), [1, 2, 3, 4, 5, 6, 7, 8], "after(0)"),
        (after(6), [7, 8], "after(6)"),
        (always, [1, 2, 3, 4, 5, 6, 7, 8], "always"),
        (chance(1), [1, 2, 3, 4, 5, 6, 7, 8], "chance(1.0, seed=0)"),
        (chance(0, seed=3), [], "chance(0.0, seed=3)"),
    ],
    ids=str,
)
def test_a_schedule_hits_these_attempts(schedule, attempts, written):
    """Attempts are counted from 1, and the schedule is written as the call that makes it."""
    assert isinstance(schedule, Schedule)
    assert hit(schedule) == attempts
    assert repr(schedule) == written


@given(st.integers(), st.lists(st.text(), min_size=1, unique=True), st.randoms())
def test_chance_does_not_depend_on_order(seed, keys, random):
    """Whether a key is hit follows from seed and key, in whatever order and number the attempts come."""
    schedule = chance(0.5, seed)
    hits = {key: schedule.hits(number, key) for number, key in enumerate(keys, 1)}

    random.shuffle(keys)

    assert {key: schedule.hits(number, key) for number, key in enumerate(keys, 1)} == hits


@given(st.floats(0, 1), st.floats(0, 1), st.integers(), st.text())
def test_what_a_low_chance_hits_a_higher_one_hits_too(one, other, seed, key):
    """With the same seed, raising the probability only adds hits."""
    low, high = sorted((one, other))

    assert chance(high, seed).hits(1, key) or not chance(low, seed).hits(1, key)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_chance_hits_about_as_often_as_it_says(p):
    """Of 2000 keys the share that is hit is near p."""
    hits = sum(chance(p, 7).hits(1, f"test::{number}") for number in range(2000))

    assert abs(hits / 2000 - p) < 0.05


def test_chance_is_the_same_in_every_process():
    """Neither Python's hash seed nor anything else of a process changes the hits."""
    code = (
        "from llmreplay.faults.schedule import chance;"
        "print(''.join(str(int(chance(.5, 7).hits(1, f'key{n}'))) for n in range(64)))"
    )

    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]

    here = "".join(str(int(chance(0.5, 7).hits(1, f"key{n}"))) for n in range(64))
    assert runs == [here, here]
    assert here.startswith("0100000011100110")  # A changed hash would change everybody's runs.


def is_post(request):
    return request.method == "POST"


@pytest.mark.parametrize(
    ("when", "selected", "written"),
    [
        ("acme.chat", True, "'acme.chat'"),
        ("acme", True, "'acme'"),
        ("*.chat", True, "'*.chat'"),
        ("acme.embeddings", False, "'acme.embeddings'"),
        ("acm", False, "'acm'"),
        (is_post, True, "is_post"),
        (lambda request: "embeddings" in request.url, False, None),
    ],
    ids=["api", "provider", "pattern", "other api", "part of a name", "predicate", "other predicate"],
)
@pytest.mark.parametrize("make", [first, nth, every, after, chance], ids=lambda make: make.__name__)
def test_when_selects_the_attempts_that_count(make, when, selected, written):
    """An api, a provider, a pattern or a function of the request says which attempts count."""
    schedule = make(1, when=when)

    assert schedule.when(a_request(), an_api()) is selected
    assert written is None or f"when={written})" in repr(schedule)


def test_always_takes_a_condition():
    """`always` is a schedule as it stands, and a call gives the one with a condition."""
    schedule = always(when="acme")

    assert always.when is None
    assert schedule.when(a_request(), an_api())
    assert repr(schedule) == "always(when='acme')"


def test_a_request_of_no_known_api_has_no_name():
    """A name never selects a request that no row describes; a predicate may."""
    assert not first(1, when="*").when(a_request(), None)
    assert first(1, when=is_post).when(a_request(), None)


def test_without_a_condition_every_attempt_counts():
    """`when` is None where nothing was said."""
    assert first(1).when is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: first(0), "first(n=0): n must be a whole number, 1 or more."),
        (lambda: first(True), "first(n=True): n must be a whole number, 1 or more."),
        (lambda: nth(), "nth(): name at least one attempt: nth(1), nth(2, 4)."),
        (lambda: nth(1, -2), "nth(n=-2): n must be a whole number, 1 or more."),
        (lambda: every(0.5), "every(n=0.5): n must be a whole number, 1 or more."),
        (lambda: after(-1), "after(n=-1): n must be a whole number, 0 or more."),
        (lambda: chance(1.5), "chance(p=1.5): p must be a probability, from 0 to 1."),
        (lambda: chance(float("nan")), "chance(p=nan): p must be a probability, from 0 to 1."),
        (lambda: chance("0.5"), "chance(p='0.5'): p must be a probability, from 0 to 1."),
        (lambda: chance(0.5, "a"), "chance(seed='a'): seed must be a whole number."),
        (
            lambda: first(1, when=5),
            (
                "first(when=5): when must be an api ('anthropic.messages'), a provider ('anthropic'), "
                "a pattern ('*.embeddings'), a pattern of respx or a function of the request."
            ),
        ),
        (
            lambda: always(when=""),
            (
                "always(when=''): when must be an api ('anthropic.messages'), a provider ('anthropic'), "
                "a pattern ('*.embeddings'), a pattern of respx or a function of the request."
            ),
        ),
    ],
    ids=["zero", "bool", "nothing", "negative", "half", "after", "above 1", "nan", "text", "seed", "when", "no name"],
)
def test_wrong_arguments_raise_where_they_are_written(make, message):
    """The error echoes the value and says what is allowed."""
    with pytest.raises(SettingError) as caught:
        make()

    assert str(caught.value) == message
