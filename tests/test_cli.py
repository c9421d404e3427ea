"""The command `llmreplay`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from llmreplay.cli import main
from llmreplay.core.model import Chunk, Interaction, Request, Response
from llmreplay.storage.files import save


def a_cassette(folder, text="Paris"):
    """Write a cassette that answers `text`."""
    body = b'{"content":[{"type":"text","text":"%s"}],"stop_reason":"end_turn","model":"m"}' % text.encode()
    request = Request("POST", "https://api.anthropic.com/v1/messages", (), b'{"model":"m"}')
    response = Response(200, (("content-type", "application/json"),), (Chunk(body),))
    path = folder / "a.json"
    save(path, [Interaction(request, response, "2026-11-21T00:00:00Z")])
    return path


def test_show_lists_interactions(tmp_path, capsys):
    """A cassette is told one interaction a line."""
    path = a_cassette(tmp_path)

    assert main(["show", str(path)]) == 0

    assert "1: anthropic.messages m -> end_turn: Paris" in capsys.readouterr().out


def test_show_lists_the_cassettes_of_a_folder(tmp_path, capsys):
    """A folder is all that is below it."""
    a_cassette(tmp_path)

    assert main(["show", str(tmp_path)]) == 0

    assert "a.json: 1 interaction\n" in capsys.readouterr().out


def test_check_looks_for_a_projects_own_secrets(tmp_path, capsys):
    """A pattern is one as `redact` takes it; what is none is told."""
    a_cassette(tmp_path)

    assert main(["check", str(tmp_path), "--redact", "re:P[a-z]{2,4}s"]) == 1
    assert "match of a pattern of yours" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["check", "--redact", "Paris"])
    assert "write re:Paris" in capsys.readouterr().err


def test_show_says_that_a_cassette_is_missing(tmp_path, capsys):
    """A missing file is told by its name."""
    assert main(["show", str(tmp_path / "none.json")]) == 1

    assert "none.json: no such cassette" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "found", "status"),
    [("Paris", "1 cassettes, 0 with a problem", 0), ("sk-ant-api03-" + "aB3dE6gH9k" * 9, "a secret", 1)],
    ids=["clean", "a key in an answer"],
)
def test_check_looks_for_secrets(tmp_path, capsys, text, found, status):
    """A key in a cassette is found, and never printed."""
    a_cassette(tmp_path, text)

    assert main(["check", str(tmp_path)]) == status

    out = capsys.readouterr().out
    assert found in out
    assert "aB3dE6gH9k" not in out


def test_check_names_a_damaged_cassette(tmp_path, capsys):
    """A file that is no cassette is a problem with its place and remedy."""
    (tmp_path / "b.json").write_text('{"format": "llmreplay/1", "interactions": [{}]}')

    assert main(["check", str(tmp_path)]) == 1

    assert "$.interactions[0]" in capsys.readouterr().out


def test_an_unknown_command_is_refused():
    """A wrong call ends with argparse's own status."""
    with pytest.raises(SystemExit) as caught:
        main(["dance"])

    assert caught.value.code == 2


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_told(capsys, port):
    """A number that cannot be one is a wrong call."""
    with pytest.raises(SystemExit):
        main(["simulate", f"--port={port}"])

    assert f"{port!r} is no port" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(capsys):
    """Another program may listen there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert main(["simulate", f"--port={port}"]) == 1

    assert f"port {port}: " in capsys.readouterr().err


def test_who_reads_no_further_ends_it_without_a_word(tmp_path):
    """As `llmreplay show ... | head -1` does."""
    path = a_cassette(tmp_path)
    code = f"from llmreplay.cli import main; raise SystemExit(main(['show'] + [{str(path)!r}] * 3000))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1


def test_check_says_that_a_file_is_no_folder(tmp_path, capsys):
    """A cassette is looked at with its folder."""
    assert main(["check", str(a_cassette(tmp_path))]) == 1

    assert "no folder: give the one that it is in" in capsys.readouterr().err


def test_check_looks_into_cassettes_of_any_name(tmp_path, capsys):
    """`use_cassette` takes a path that ends as it likes; what lies beside cassettes is none."""
    a_cassette(tmp_path, "sk-ant-api03-" + "aB3dE6gH9k" * 9).rename(tmp_path / "weather")
    (tmp_path / "notes.txt").write_text("no cassette")

    assert main(["check", str(tmp_path)]) == 1

    assert "1 cassettes, 1 with a problem" in capsys.readouterr().out


def test_a_console_that_cannot_write_a_text_shows_its_numbers(tmp_path):
    """A Windows pipe has not every sign that a prompt has."""
    path = a_cassette(tmp_path, "Zürich")

    done = subprocess.run(
        [sys.executable, "-m", "llmreplay.cli", "show", str(path)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "Z\\xfcrich" in done.stdout
