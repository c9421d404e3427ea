"""Patches on other people's classes: ours go in once, and out only where they are still ours."""

from __future__ import annotations

import functools
import importlib
import sys

import pytest

from llmreplay.interceptors.patches import ImportWatch, Patches


def a_class():
    class Transport:
        def send(self):
            return "original"

    return Transport


def shouting(original):
    def send(self):
        return original(self).upper()

    return send


def test_a_patch_goes_in_and_out():
    """While it is in, our wrapper answers; after that the very same original stands there again."""
    transport = a_class()
    original = transport.send
    patches = Patches()

    patches.replace(transport, "send", shouting)
    during = transport().send()
    patches.undo()

    assert during == "ORIGINAL"
    assert transport.send is original


def test_a_patch_is_put_in_once():
    """Patching again wraps nothing twice, and one undo takes it out."""
    transport = a_class()
    original = transport.send
    patches = Patches()
    wrapped = []

    for _ in range(2):
        patches.replace(transport, "send", lambda inner: wrapped.append(inner) or shouting(inner))
    patches.undo()

    assert wrapped == [original]
    assert transport.send is original


def test_somebody_who_patched_before_us_stays():
    """Their wrapper is below ours, and stands alone when ours is out."""
    transport = a_class()
    transport.send = theirs = lambda self: "theirs"
    patches = Patches()

    patches.replace(transport, "send", shouting)
    during = transport().send()
    patches.undo()

    assert during == "THEIRS"
    assert transport.send is theirs


def test_somebody_who_patched_over_us_stays():
    """What was put over ours is not ours to take out."""
    transport = a_class()
    patches = Patches()
    patches.replace(transport, "send", shouting)
    ours = transport.send

    transport.send = theirs = lambda self: "over " + ours(self)
    patches.undo()

    assert transport.send is theirs
    assert transport().send() == "over ORIGINAL"


def test_a_wrapper_that_came_back_is_used_again():
    """Somebody kept our wrapper, put it back after we took it out; it is patched no second time, and then taken out."""
    transport = a_class()
    original = transport.send
    patches = Patches()
    patches.replace(transport, "send", shouting)
    kept = transport.send
    patches.undo()

    transport.send = kept
    patches.replace(transport, "send", shouting)
    during = transport().send()
    same = transport.send is kept
    patches.undo()

    assert (during, same) == ("ORIGINAL", True)
    assert transport.send is original


class AProxy:
    """Stands for another function as wrapt's proxies do: attributes read are those of what it wraps."""

    def __init__(self, wrapped, before):
        object.__setattr__(self, "_own", (wrapped, before))

    def __getattribute__(self, name):
        wrapped, _ = object.__getattribute__(self, "_own")
        if name == "__wrapped__":
            return wrapped
        if name == "__get__":
            return object.__getattribute__(self, name)
        return getattr(wrapped, name)

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args, **options):
        wrapped, before = object.__getattribute__(self, "_own")
        before()
        return wrapped(*args, **options)


def a_wrapped(original, before):
    """Wrap a function as instrumentation does that copies its attributes."""

    @functools.wraps(original)
    def wrapper(*args, **options):
        before()
        return original(*args, **options)

    return wrapper


INSTRUMENTED = pytest.mark.parametrize("instrumented", [a_wrapped, AProxy], ids=["functools.wraps", "a proxy"])


@INSTRUMENTED
def test_instrumentation_over_ours_stays_whatever_attributes_it_passes_on(instrumented):
    """What looks like ours, because it wraps ours, is not taken out, neither at once nor with the next cassette."""
    transport, seen, wrapped = a_class(), [], []
    patches = Patches()
    patches.replace(transport, "send", lambda inner: wrapped.append(inner) or shouting(inner))
    transport.send = theirs = instrumented(transport.__dict__["send"], lambda: seen.append("seen"))
    patches.undo()

    for _ in range(2):
        patches.replace(transport, "send", lambda inner: wrapped.append(inner) or shouting(inner))
        patches.undo()

    assert transport.__dict__["send"] is theirs
    assert transport().send() == "ORIGINAL"
    assert seen == ["seen"]
    assert len(wrapped) == 1


@INSTRUMENTED
def test_instrumentation_under_ours_stays(instrumented):
    """What was there before us is wrapped once, and stands there alone when ours is out."""
    transport, seen = a_class(), []
    transport.send = theirs = instrumented(transport.send, lambda: seen.append("seen"))
    patches = Patches()

    for _ in range(2):
        patches.replace(transport, "send", shouting)
    during = transport().send()
    patches.undo()

    assert during == "ORIGINAL"
    assert seen == ["seen"]
    assert transport.__dict__["send"] is theirs


@INSTRUMENTED
def test_ours_is_taken_out_when_the_instrumentation_over_it_has_gone(instrumented):
    """They take theirs out while a cassette is open, which puts ours back on top: the end of it takes ours out too."""
    transport = a_class()
    original = transport.send
    patches = Patches()
    patches.replace(transport, "send", shouting)
    ours = transport.send
    transport.send = instrumented(ours, lambda: None)
    patches.undo()

    patches.replace(transport, "send", shouting)
    transport.send = ours
    patches.undo()

    assert transport.send is original


def test_an_inherited_method_is_not_mistaken_for_the_classes_own():
    """Only what a class itself defines can be patched on it: the parent stays as it is."""
    transport = a_class()
    child = type("Child", (transport,), {})

    with pytest.raises(KeyError):
        Patches().replace(child, "send", shouting)


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Give a function that makes a module that can be imported; it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(name, text="VALUE = 1\n"):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        made.append(name)
        return name

    yield make
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def watch():
    """Give a function that starts a watch that notes what it saw; it is stopped afterwards."""
    started = []

    def start(*names):
        seen = []
        watch = ImportWatch(names, lambda module: seen.append((module.__name__, getattr(module, "VALUE", None))))
        watch.start()
        started.append(watch)
        return watch, seen

    yield start
    for one in started:
        one.stop()


def test_the_watch_calls_back_when_the_module_is_whole(watched, watch):
    """A watched module is patched after its own code ran; others are left alone."""
    _, seen = watch(watched("llmreplay_watched_a"))
    watched("llmreplay_watched_b")

    importlib.import_module("llmreplay_watched_a")
    importlib.import_module("llmreplay_watched_b")

    assert seen == [("llmreplay_watched_a", 1)]


def test_a_stopped_watch_sees_nothing(watched, watch):
    """After the end it is out of the way of every import."""
    one, seen = watch(watched("llmreplay_watched_c"))

    one.start()
    one.stop()
    one.stop()
    importlib.import_module("llmreplay_watched_c")

    assert seen == []
    assert one not in sys.meta_path


def test_a_module_that_is_not_there_is_still_not_there(watch):
    """The watch changes nothing about an import that fails."""
    _, seen = watch("llmreplay_not_there")

    with pytest.raises(ModuleNotFoundError, match="llmreplay_not_there"):
        importlib.import_module("llmreplay_not_there")

    assert seen == []


def test_a_module_that_breaks_is_not_patched(watched, watch):
    """The error of a module that cannot be loaded comes through, and can be tried again."""
    _, seen = watch(watched("llmreplay_watched_d", "raise RuntimeError('broken')\n"))

    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            importlib.import_module("llmreplay_watched_d")

    assert seen == []


def test_two_watches_of_one_module_both_see_it(watched, watch):
    """One does not take the module away from the other."""
    name = watched("llmreplay_watched_e")
    _, first = watch(name)
    _, second = watch(name)

    importlib.import_module(name)

    assert first == second == [(name, 1)]


def test_a_watched_module_keeps_its_loader(watched, watch):
    """Resources, source and reload of a module work as if nobody had watched."""
    _, seen = watch(watched("llmreplay_watched_f"))

    module = importlib.import_module("llmreplay_watched_f")
    importlib.reload(module)

    assert module.__loader__.get_source("llmreplay_watched_f") == "VALUE = 1\n"
    assert module.__spec__.origin == module.__file__
    assert len(seen) == 2
