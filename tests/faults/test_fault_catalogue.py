import inspect
from contextlib import nullcontext
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from llmreplay import faults
from llmreplay.core.fault import Fault, FaultCannotApply
from llmreplay.core.model import Chunk, Response, TransportFailure
from llmreplay.faults.catalogue import CATALOGUE, Needs, entry_for_status, entry_named, entry_of

from .fault_doubles import a_body, a_context, a_stream

ENTRIES = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
LONG = ("start", *("delta",) * 9, "stop")


def test_every_fault_is_in_the_catalogue_once():
    """Whatever `faults` offers can be named in text, and under one name."""
    offered = {getattr(faults, name) for name in faults.__all__}
    made = {thing for thing in offered if is_dataclass(thing) and hasattr(thing, "replaces")}

    assert len(made) == len(CATALOGUE)
    assert {entry.make for entry in CATALOGUE} == made
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)


@ENTRIES
def test_a_fault_is_a_frozen_value(entry):
    """A fault has the protocol's shape, equals another with the same arguments, and cannot be changed."""
    for fault in entry.faults():
        twin = type(fault)(**{field.name: getattr(fault, field.name) for field in fields(fault)})

        assert isinstance(fault, Fault)
        assert entry_of(fault) is entry
        assert (fault, hash(fault)) == (twin, hash(twin))
        for field in fields(fault):
            with pytest.raises(FrozenInstanceError):
                setattr(fault, field.name, None)


@ENTRIES
def test_a_fault_is_a_pure_function(entry):
    """The same outcome and context give the same outcome, and it is another than the one that was given."""
    is_streamed = entry.needs is not Needs.WHOLE_BODY and entry.name != "no_usage"
    given = a_stream(LONG) if is_streamed else a_body()
    context = a_context(is_streamed=is_streamed, now=1e9)

    for fault in entry.faults():
        outcome = fault.apply(given, context)

        assert outcome == fault.apply(given, context)
        assert outcome != given
        assert isinstance(outcome, Response | TransportFailure)
    assert given == (a_stream(LONG) if is_streamed else a_body())


@ENTRIES
def test_a_fault_replaces_only_what_it_need_not_see(entry):
    """A fault that replaces gives the same without an outcome; any other says that there is none."""
    for fault in entry.faults():
        if fault.replaces:
            assert fault.apply(None, a_context()) == fault.apply(a_body(), a_context())
        else:
            with pytest.raises(FaultCannotApply, match="there is no answer to change"):
                fault.apply(None, a_context())


@ENTRIES
@pytest.mark.parametrize("is_streamed", [True, False], ids=["stream", "plain"])
def test_the_catalogue_says_which_calls_a_fault_can_hit(entry, is_streamed):
    """A fault works on the calls that its entry names, and on any other is an error."""
    fits = {Needs.ANY: True, Needs.STREAM: is_streamed, Needs.WHOLE_BODY: not is_streamed}[entry.needs]
    with_usage = Response(200, a_stream().headers, (Chunk(b'data: {"usage": {}}\n\n'),))
    stream = with_usage if entry.name == "no_usage" else a_stream(LONG)

    for fault in entry.faults():
        with nullcontext() if fits else pytest.raises(FaultCannotApply):
            fault.apply(stream if is_streamed else a_body(), a_context(is_streamed=is_streamed))


@ENTRIES
def test_arguments_with_a_default_are_keywords(entry):
    """An entry's main argument is one of its fault's, and only arguments without default may be positional."""
    parameters = inspect.signature(entry.make).parameters.values()

    assert entry.main is None or entry.main in {parameter.name for parameter in parameters}
    assert [
        parameter.name
        for parameter in parameters
        if parameter.default is not parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY
    ] == []


def test_entries_are_found_by_name_and_status():
    """A name and a status lead to one entry; what is in no table leads to none."""
    assert entry_named("cut").make is faults.CutAfter
    assert entry_named("ConnectionReset") is entry_named("connection_reset") is entry_named("reset")
    assert entry_for_status(529).make is faults.Overloaded
    assert entry_named("slice") is None
    assert entry_for_status(418) is None
