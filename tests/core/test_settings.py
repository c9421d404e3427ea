"""Settings: layers, values in every spelling, and what a wrong one is told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from llmreplay.core.errors import LlmReplayError, SettingError
from llmreplay.core.settings import SETTING_NAMES, Mode, Settings, settings_from
from llmreplay.pytest_options import SETTINGS


def checked(**given):
    return settings_from(("here", given))


def test_nothing_said_is_the_safest():
    """Without a word from anybody nothing is sent, nothing repeats and everything odd fails."""
    settings = settings_from()

    assert settings == Settings()
    assert settings.mode is Mode.NONE
    assert (settings.on_unmatched, settings.on_unplayed, settings.on_unfired) == ("error", "error", "error")
    assert (settings.guard, settings.allow_repeats, settings.accept) == ("test", False, False)


def test_the_plugin_describes_every_setting_and_no_other():
    """Each setting can be written in the ini file, and the plugin knows none that does not exist."""
    assert set(SETTINGS) == {entry.name for entry in fields(Settings)} == set(SETTING_NAMES)
    assert all(SETTINGS.values())


def test_a_later_layer_wins_setting_by_setting():
    """A layer changes what it names and leaves the rest as the layers before it said."""
    settings = settings_from(
        ("ini", {"mode": "live", "speed": "2"}), ("marker", {"speed": 3}), ("command line", {"mode": "once"})
    )

    assert (settings.mode, settings.speed) == (Mode.ONCE, 3.0)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mode", "all", Mode.REWRITE),
        ("mode", Mode.LIVE, Mode.LIVE),
        ("cassette", Path("a/b.json"), "a/b.json"),
        ("cassette", None, None),
        ("ignore", "$.a, $.b\nhost", ("$.a", "$.b", "host")),
        ("ignore", ["$.a[0,1]"], ("$.a[0,1]",)),
        ("ignore", None, ()),
        ("normalize", str.lower, (str.lower,)),
        ("redact", ["name", str.upper], ("name", str.upper)),
        ("redact", "re:corp-[0-9a-f]{8,40}, re:[,(]x\\[a, name", ("re:corp-[0-9a-f]{8,40}", "re:[,(]x\\[a", "name")),
        ("redact", "re:[a,b", ("re:[a,b",)),
        ("keep", {"one"}, ("one",)),
        ("allow_repeats", "Yes", True),
        ("allow_repeats", "off", False),
        ("speed", "1.5", 1.5),
        ("speed", "", 0.0),
        ("max_calls", "3", 3),
        ("max_cost_usd", None, None),
        ("upstream", {"https://a/": "http://b/"}, {"https://a": "http://b"}),
        ("upstream", "https://a=http://b\nhttps://c=http://d", {"https://a": "http://b", "https://c": "http://d"}),
        ("upstream", None, {}),
        ("faults", "429, ok", "429, ok"),
    ],
)
def test_a_value_is_understood_in_every_spelling(name, value, expected):
    """What an ini file, an environment variable and Python can say of a setting means the same."""
    settings = checked(**{name: value})

    assert getattr(settings, name) == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mode", "onse", "here: mode='onse': choose from none, once, new_episodes, rewrite, live."),
        ("mode", None, "here: mode=None: choose from none, once, new_episodes, rewrite, live."),
        ("guard", True, "here: guard=True: choose from test, session, strict, off."),
        ("on_unplayed", "fail", "here: on_unplayed='fail': choose from error, warn, ignore."),
        ("speed", -1, "here: speed=-1: give a number of 0 or more."),
        ("speed", "nan", "here: speed='nan': give a number of 0 or more."),
        ("speed", "inf", "here: speed='inf': give a number of 0 or more."),
        ("speed", True, "here: speed=True: give a number of 0 or more."),
        ("max_calls", 1.5, "here: max_calls=1.5: give a whole number of 0 or more."),
        ("allow_repeats", "maybe", "here: allow_repeats='maybe': choose from true, false."),
        ("allow_repeats", 1, "here: allow_repeats=1: choose from true, false."),
        ("ignore", [3], "here: ignore=[3]: give a list of texts; 3 is none."),
        ("redact", [3], "here: redact=[3]: give a list of texts or functions; 3 is none."),
        ("cassette", "", "here: cassette='': give the path of a file or folder."),
        ("cassette_dir", None, "here: cassette_dir=None: give the path of a file or folder."),
        ("cassette", "a\0b", "here: cassette='a\\x00b': give the path of a file or folder."),
        ("upstream", 3, "here: upstream=3: give provider's address -> where to send instead."),
        (
            "upstream",
            "api.anthropic.com=localhost",
            (
                "here: upstream: 'api.anthropic.com' is no address. "
                "Write https://api.anthropic.com=http://127.0.0.1:8123, one a line."
            ),
        ),
        ("modus", "once", "here: 'modus' is no setting. Did you mean mode?"),
    ],
)
def test_a_wrong_value_is_echoed_with_what_can_be_said(name, value, message):
    """The error tells where it was said, what was said, and what can be said."""
    with pytest.raises(SettingError) as caught:
        checked(**{name: value})

    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, LlmReplayError)


def test_an_unknown_name_that_resembles_none_lists_them_all():
    """Where no setting is near, all of them are named."""
    with pytest.raises(SettingError, match=r"'xyzzy' is no setting\. Choose from mode, cassette, .*, accept\."):
        checked(xyzzy=1)


def test_a_wrong_value_that_a_later_layer_replaces_is_still_told():
    """A mistake in the ini file does not hide behind the command line."""
    with pytest.raises(SettingError, match="ini: mode='bad'"):
        settings_from(("ini", {"mode": "bad"}), ("command line", {"mode": "once"}))


@pytest.mark.parametrize("name", ["hosts", "ignore_hosts"])
def test_a_url_is_no_host(name):
    """It would match nothing, without a word."""
    with pytest.raises(SettingError) as caught:
        settings_from(("the marker", {name: ["a.example", "http://127.0.0.1:8123/v1"]}))

    assert str(caught.value) == (
        f"the marker: {name}: 'http://127.0.0.1:8123/v1' is a URL: give the host alone, '127.0.0.1:8123'."
    )


def test_an_upstream_that_is_none_is_told_in_the_form_it_has_there():
    """A mapping in code, a text in an ini file or in the environment."""
    for value, form in (("foo", "=http://127.0.0.1:8123, one a line"), ({"foo": "bar"}, "': 'http://127.0.0.1:8123'}")):
        with pytest.raises(SettingError) as caught:
            settings_from(("the ini file", {"upstream": value}))

        assert form in str(caught.value)


def test_an_upstream_without_a_provider_is_refused():
    """Taken for both, it would send nothing there, and everything to the provider."""
    with pytest.raises(SettingError, match=r"8123' does not say instead of which provider") as caught:
        settings_from(("the environment", {"upstream": "http://127.0.0.1:8123"}))

    assert "Write https://api.anthropic.com=http://127.0.0.1:8123" in str(caught.value)
