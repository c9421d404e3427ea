"""Ready-made normalisers even out what is volatile, and nothing else."""

import time
from dataclasses import replace

import pytest
from doubles import a_recorder, a_request, an_interaction
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.core.errors import UnmatchedRequest
from llmreplay.core.normalize import READY_MADE, dates, tmp_path, tmp_path_below


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-04",
        "2025-03-04T10",
        "2025-03-04T10:11",
        "2025-03-04T10:11Z",
        "2025-03-04T10:11:12.345678+02:00",
        "2025-03-04T10:11:12,3-0730",
        "2025-03-04 10:11:12+02",
        "2025/03/04",
        "2025/3/4 10:11",
        "03/04/2025",
        "04-03-2025",
        "04.03.2025",
        "4.3.2025",
        "04-Mar-2025",
        "04/Mar/2025:10:11:12 +0000",
        "4 March 2025",
        "4th of March 2025",
        "4. March 2025",
        "March 4, 2025",
        "March 4th, 2025",
        "Sept. 4, 2025",
        "March 4, 2025 at 10:11 PM",
        "March 4, 2025, 10:11 p.m.",
        "Tuesday, March 4, 2025",
        "Tuesday 4 March 2025 10:11:12 UTC",
        "Tue Mar  4 10:11:12 2025",
        "Tue Mar  4 10:11:12 UTC 2025",
        "Tue, 04 Mar 2025 10:11:12 GMT",
        "2025-03-04, Tuesday",
        "2025-03-04 (Tue)",
        "20250304",
        "20250304T101112Z",
        "20250304_101112",
        "20250304-101112",
        "20250304101112",
        "10:11",
        "0:00",
        "23:59",
        "10:11:12",
        "10:11 PM",
        "10:11PM",
        "10:11:12.345+02:00",
        "10:11:12 CEST",
        "9:00-17:30",
    ],
)
@pytest.mark.parametrize("around", ["{}", "on {}.", "({})", "<{}>", '"{}"', "a={}&b", "\\n{}\\n", "{}, then {}"])
def test_dates_and_times_are_one_constant(text, around):
    """Every usual way of writing a date or time is replaced as a whole."""
    assert dates(around.format(text, text)) == around.format("<date>", "<date>")


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3",
        "v2.10.2025.1",
        "10.20.30.40",
        "3:1",
        "16:9",
        "24:00",
        "10:60",
        "10:111",
        "00:1a:2b:3c:4d:5e",
        "00:11:22:33:44:55",
        "127.0.0.1:8080",
        "::1:20",
        "2025",
        "in March 2025",
        "99999999",
        "20251399",
        "20250399",
        "120250304",
        "2025-13-04",
        "2025-03-44",
        "(555) 123-4567",
        "+1-800-555-0199",
        "555-20250304",
        "020-03-04-2025",
        "Tuesday",
        "Marching 4 2025",
        "May 4",
        "claude-sonnet-4-20250514",
        "claude-3-5-sonnet-20241022",
        "item20250304",
        "1/2/3",
    ],
)
def test_what_is_no_date_stays(text):
    """Versions, addresses, ratios, numbers of phones and models count."""
    assert dates(text) == text
    assert dates(f"on {text}.") == f"on {text}."


PYTEST = "/tmp/pytest-of-root/pytest-3"


@pytest.mark.parametrize(
    "text",
    [
        f"{PYTEST}/test_x0",
        f"{PYTEST}/popen-gw0/test_x0",
        "/tmp/pytest-of-a.b/pytest-current/test_x12",
        "/tmp/tmprt_5s5f9",
        "/tmp/tmp0fbc111e",
        "/var/tmp/bt/test_x0",
        "/var/tmp/bt/popen-gw1/test_x0",
        "/private/var/folders/zz/zyx_w0000gn/T/tmpabcd1234",
        "/var/folders/zz/zyx_w0000gn/T/tmpabcd1234",
        "/private/var/folders/zz/zyx_w0000gn/T/pytest-of-me/pytest-0/test_x0",
        "/private/tmp/tmpabcd1234",
        r"C:\Users\me\AppData\Local\Temp\tmpabcd1234",
        r"C:\\Users\\me\\AppData\\Local\\Temp\\tmpabcd1234",
        "C:/Users/John Doe/AppData/Local/Temp/tmpabcd1234",
        r"C:\Users\RUNNER~1\AppData\Local\Temp\pytest-of-me\pytest-3\test_x0",
        r"\/tmp\/pytest-of-root\/pytest-3\/test_x0",
        "/tmp",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "in {}.", "{}/f.txt", "{}/a/tmp/f1.txt", '"{}"', "a={}&b", "file://{}", "\\n{}\\n"]
)
def test_temporary_folders_are_one_constant(text, around):
    """Where pytest and tempfile put folders, on any system, is replaced; what lies in them is not."""
    assert tmp_path(around.format(text)) == around.format("<tmp>")


@pytest.mark.parametrize(
    "text",
    [
        "/tmpfoo",
        "/tmp-x/y",
        "/home/me/tmp/x",
        "/tmp.d/x",
        r"\/home\/tmp",
        "C:/work/Temperature",
        "the temp/tmp0fbc111e",
        "ftp:/x",
    ],
)
def test_what_is_no_temporary_folder_stays(text):
    """A name that only resembles one counts."""
    assert tmp_path(text) == text


@pytest.mark.parametrize("folder", ["/work/build/bt", "/work/build/bt/", r"D:\build\bt", "/"])
def test_a_folder_that_a_session_knows_is_temporary(folder):
    """What lies in it is what lies in pytest's folders; of others there is no more than before."""
    given = tmp_path_below([folder])
    inside = folder.rstrip("/") + "/test_x0/f.txt"

    assert (given(inside) == "<tmp>/f.txt") == (folder != "/")
    assert given(inside.replace("/", "\\/")) == given(inside).replace("/", "\\/")
    assert given(f"{PYTEST}/test_x0/f.txt") == "<tmp>/f.txt"
    assert given("/work/build/other/f.txt") == "/work/build/other/f.txt"


PIECES = [
    *(
        "2025-03-04",
        "20250304",
        "04.03.2025",
        "Mar 4 2025",
        "Tue",
        "Tuesday, ",
        "10:11",
        ":12",
        "10:11 PM",
        "101112",
        "Z",
    ),
    *(
        "-",
        ":",
        ".",
        "/",
        "\\",
        " ",
        "T",
        "at ",
        "1",
        "12",
        "2025",
        "+02:00",
        "\\n",
        "<date>",
        "<tmp>",
        "a",
        "_",
        "(",
        ",",
    ),
    *("/tmp", "/var", "/private", "tmpabcd1234", "/pytest-of-root", "/pytest-3", "/test_x0", "C:", "\\Temp", "<uuid>"),
    "8f14e45f-ceea-467f-a1d7-6d0f0b1f3c11",
]


@pytest.mark.parametrize("name", sorted(READY_MADE))
@given(text=st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text())
def test_a_second_pass_changes_nothing(name, text):
    """Each is idempotent: what it leaves, it leaves again."""
    once = READY_MADE[name](text)

    assert READY_MADE[name](once) == once


@pytest.mark.parametrize("name", sorted(READY_MADE))
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "1",
            ":",
            " ",
            "/",
            "\\",
            "11:",
            "1.",
            "10:11:12.",
            "2025-03-04-",
            "20250304",
            "2025-03-04 ",
            "Tue ",
            "Mar ",
            "a:/",
        ),
        *(
            "/tmp/1",
            "/tmp",
            "C:\\a\\",
            "C:\\a ",
            "a-",
            "1-",
            "/var/folders/a/",
            "March 4, ",
            "March   4   ",
            "/tmp/test_1-",
            ".",
        ),
    ],
)
def test_the_time_is_linear(name, piece):
    """A megabyte of what dates and folders are made of takes no time to speak of."""
    text = piece * (1_000_000 // len(piece)) + "x"

    began = time.process_time()
    READY_MADE[name](text)

    assert time.process_time() - began < 3, "a regular expression that goes back takes minutes"


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("dates", "Tuesday, March 4, 2025", "Wednesday, March 5, 2025"),
        ("dates", "It is 10:11", "It is 9:05 PM"),
        ("tmp_path", "/tmp/tmprt_5s5f9/f", "/tmp/tmp0fbc111e/f"),
        ("tmp_path", f"{PYTEST}/popen-gw0/test_x0/f", "/tmp/pytest-of-root/pytest-12/test_x0/f"),
    ],
)
def test_a_refusal_proposes_the_one_that_would_have_matched(name, one, other):
    """Where a ready-made normaliser would have helped, the refusal says which."""
    with pytest.raises(UnmatchedRequest) as caught:
        a_recorder([an_interaction(one)]).plan(a_request(other))

    assert ("Volatile text?", f'@pytest.mark.llmreplay(normalize=["{name}"])') in caught.value.advice


def test_a_refusal_of_a_form_proposes_it_too():
    """A date in one part, beside a file, is found volatile."""

    def a_form(boundary, day):
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\non {day}\r\n--{boundary}\r\n'
        file = b'Content-Disposition: form-data; name="file"\r\n\r\n\xff\xfe\r\n--' + boundary.encode() + b"--\r\n"
        headers = (("content-type", f"multipart/form-data; boundary={boundary}"),)
        return replace(a_request(), headers=headers, body=body.encode() + file)

    recorded = replace(an_interaction(), request=a_form("b1", "2025-03-04"))

    with pytest.raises(UnmatchedRequest) as caught:
        a_recorder([recorded]).plan(a_form("b2", "2025-03-05"))

    assert ("Volatile text?", '@pytest.mark.llmreplay(normalize=["dates"])') in caught.value.advice


def test_what_is_proposed_has_in_it_what_is_in_force():
    """A list replaces another: typed as it stands, a proposal must not undo what helped before."""

    def mine(text):
        return text.lower()

    recorder = a_recorder(
        [an_interaction("ID 4ed1ec5a-3b5a-4b5c-9c3d-0a6d6d7a1c11 on 2025-03-04")], normalize=["uuids", mine]
    )
    with pytest.raises(UnmatchedRequest) as caught:
        recorder.plan(a_request("id 9f1d2a64-5c0e-4a58-8b1f-3f0f5c1f7a22 on 2025-03-05"))

    assert ("Volatile text?", '@pytest.mark.llmreplay(normalize=["uuids", mine, "dates"])') in caught.value.advice


def test_what_is_proposed_to_ignore_has_in_it_what_is_ignored():
    """The same for paths, parameters, headers and the host."""
    ignore = ["$.metadata", "query:v", "header:example-beta", "host"]
    with pytest.raises(UnmatchedRequest) as caught:
        a_recorder([an_interaction("hi")], ignore=ignore).plan(a_request("ho"))

    shown = '"$.metadata", "query:v", "header:example-beta", "host", "$.prompt"'
    assert ("Volatile field?", f"@pytest.mark.llmreplay(ignore=[{shown}])") in caught.value.advice
