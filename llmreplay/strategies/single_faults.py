"""Strategies of single faults, from the catalogue; they shrink to what is milder and earlier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hypothesis import strategies as st

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Fault
from llmreplay.faults.catalogue import CATALOGUE, Entry, Needs
from llmreplay.faults.chunking import Pings, Rechunk
from llmreplay.faults.kinds import KINDS, kind_of
from llmreplay.faults.latency import Delay, SlowFirstToken, SlowStream
from llmreplay.strategies.rows import rows_named, send_pings, take_comments

MOST_EVENTS = 8
_SHARE = 12
_WEIGHTS = {"status": 2, "stream": 2, "cut": 3}
"""Kinds with more faults than others are drawn more often, and so is the one fault that comes in many ways."""

_PLACES = ("events", "after", "n")
_LARGEST_CHUNK = 64
_HARMLESS_DELAYS_S = (0.05, 0.5, 2.0)


def entries_of(kinds: Sequence[str] | None, *, is_streamed: bool | None) -> Mapping[str, tuple[Entry, ...]]:
    """Sort the faults of some kinds, mild to severe.

    Args:
        kinds: Of `KINDS`, or names of the catalogue; None for all.
        is_streamed: Leaves out what only hits streams (False) or only whole bodies (True); None for neither.

    Returns:
        The kind of each, and the faults of that kind; none of them is empty.

    Raises:
        SettingError: A name that is none, or nothing is left.
    """
    if kinds is not None and not isinstance(kinds, str | list | tuple | set | frozenset):
        raise SettingError(f"kinds={kinds!r}: give a kind of fault, or several: {', '.join(KINDS)}.")
    wanted = KINDS if kinds is None else (kinds,) if isinstance(kinds, str) else tuple(kinds)
    known = {*KINDS, *(entry.name for entry in CATALOGUE)}
    unknown = [kind for kind in wanted if kind not in known]
    if unknown:
        raise SettingError(
            f"kinds={kinds!r}: {unknown[0]!r} is no kind of fault. Choose from {', '.join(KINDS)}, or name faults: "
            f"{', '.join(entry.name for entry in CATALOGUE)}."
        )
    left_out = {None: None, False: Needs.STREAM, True: Needs.WHOLE_BODY}[is_streamed]
    found: dict[str, tuple[Entry, ...]] = {}
    for entry in CATALOGUE:
        kind = kind_of(entry)
        if entry.needs is not left_out and (kind in wanted or entry.name in wanted):
            found[kind] = (*found.get(kind, ()), entry)
    if not found:
        raise SettingError(f"kinds={kinds!r}: none of these faults can hit a call that does not stream.")
    return found


def faults(
    api: Api | str | None = None,
    kinds: Sequence[str] | None = None,
    *,
    events: int = MOST_EVENTS,
    streams: bool = True,
) -> st.SearchStrategy[Fault]:
    """Draw one fault, of each kind; those that come in many ways, of status and stream, more often.

    Args:
        api: Only faults that can hit a call to it: an `Api`, `anthropic.messages`, `anthropic`; None for all.
        kinds: Of `KINDS`, or names of the catalogue such as `cut`; None for all.
        events: Faults at one event of a stream hit one of the first so many.
        streams: False leaves out what hits streams only.

    Raises:
        SettingError: An api or kind that does not exist.
    """
    may_stream = streams and (api is None or any(row.wire is not None for row in rows_named(api)))
    found = entries_of(kinds, is_streamed=None if may_stream else False)
    if events < 1:
        raise SettingError(f"faults(events={events}): a stream that a fault can hit has one event at least.")
    weighted = tuple(_weighted(found))
    return _fault(
        st.sampled_from(weighted),
        {entry.name: _numbers_of(entry) for entry in weighted},
        {lowest: st.integers(lowest, max(events, lowest)) for lowest in (0, 1)},
        _rechunks(),
    )


def samples_of(kinds: Sequence[str] | None, *, streams: bool = True) -> tuple[Fault, ...]:
    """Give what the catalogue holds of some kinds, mild to severe; the arguments are those of `faults`."""
    found = entries_of(kinds, is_streamed=None if streams else False)
    entries = {entry for entries in found.values() for entry in entries}
    return tuple(fault for entry in CATALOGUE if entry in entries for fault in entry.faults())


def _weighted(groups: Mapping[str, tuple[Entry, ...]]) -> Iterator[Entry]:
    """Repeat faults so that each kind is drawn about as often as any other, by one choice: that shrinks best."""
    for kind, entries in groups.items():
        times = max(1, round(_SHARE * _WEIGHTS.get(kind, 1) / len(entries)))
        for entry in entries:
            yield from [entry] * (times * _WEIGHTS.get(entry.name, 1))


def _numbers_of(entry: Entry) -> st.SearchStrategy[int]:
    # A choice even where there is none: a fault must not seem simpler for having no variants.
    return st.integers(0, max(1, len(entry.samples) - 1))


@st.composite
def _fault(
    draw: st.DrawFn,
    entries: st.SearchStrategy[Entry],
    numbers: Mapping[str, st.SearchStrategy[int]],
    places: Mapping[int, st.SearchStrategy[int]],
    rechunks: st.SearchStrategy[Fault],
) -> Fault:
    # The strategies are given, for making one costs more than drawing from it.
    entry = draw(entries)
    if entry.make is Rechunk:
        return draw(rechunks)
    sample = dict(entry.samples[draw(numbers[entry.name]) % len(entry.samples)])
    place = next((name for name in _PLACES if name in sample), None)
    if place is not None:
        sample[place] = draw(places[1 if place == "n" else 0])
    return entry.make(**sample)


def _rechunks() -> st.SearchStrategy[Fault]:
    # As many choices as any other fault takes: what takes more is harder to leave out when a scenario shrinks.
    sizes = st.tuples(st.integers(1, _LARGEST_CHUNK), st.integers(0, _LARGEST_CHUNK))
    return sizes.map(lambda drawn: Rechunk(sizes=tuple(size for size in drawn if size)))


def harmless_faults(apis: Api | str | Sequence[Api | str] = ()) -> st.SearchStrategy[Fault]:
    """Draw a change of the way a stream comes that leaves what it says: other chunks, comments, short delays.

    Args:
        apis: In use. Where all of them send `ping` events, their streams may get more of those; where the client of
            one takes comments for data, none get any.
    """
    waits = st.sampled_from(_HARMLESS_DELAYS_S)
    given = (apis,) if isinstance(apis, str | Api) else apis
    forms = ("comment", "event") if send_pings(given) else ("comment",)
    pings = st.builds(Pings, every=st.integers(1, 3), form=st.sampled_from(forms))
    return st.one_of(
        _rechunks(),
        *([pings] if take_comments(given) else ()),
        st.builds(SlowFirstToken, delay_s=waits),
        st.builds(SlowStream, delay_s=waits),
        st.builds(Delay, delay_s=waits),
    )
