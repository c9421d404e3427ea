"""Child processes start closed, tell what they refused, and leave nothing behind."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from llmreplay.core.errors import ClosedConnection, LlmReplayError
from llmreplay.interceptors.guard import BlockedConnection, GuardPolicy, blocked_text, closed
from llmreplay.interceptors.guard_children import SITE_FOLDER, VARIABLE, inherited

CONNECT = "import socket; socket.create_connection((__import__('sys').argv[1], 81), timeout=0.001)"
SWALLOW = f"""
try:
    {CONNECT}
except BaseException as error:
    print(type(error).__name__)
"""

# Raises the event that `connect` raises before it connects: what is open is shown without a packet.
ANNOUNCE = "import socket, sys; sys.audit('socket.connect', socket.socket(), (sys.argv[1], 81)); print('open')"


class Refusals(list[BlockedConnection]):
    """Notes what was refused, and refuses."""

    def __call__(self, blocked: BlockedConnection) -> BaseException:
        self.append(blocked)
        return ClosedConnection(blocked_text(blocked))


@pytest.fixture
def refusals():
    return Refusals()


@pytest.fixture(autouse=True)
def folder_of_reports(tmp_path, monkeypatch):
    """Let reports be made where the test can count them."""
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def a_policy(**settings):
    return GuardPolicy(label="tests/test_a.py::test_a", **settings)


def run_python(code, *args, executable=sys.executable, **options):
    return subprocess.run([executable, "-c", code, *args], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("host", ["api.example.invalid", "192.0.2.1"])
def test_a_child_is_closed_and_says_so(refusals, host):
    """A Python child that connects ends with the refusal's text."""
    with closed(a_policy(), refusals):
        child = run_python(CONNECT, host)

    assert child.returncode == 1
    assert f"a connection to {host}:81 was refused" in child.stderr


def test_what_a_child_swallows_still_reaches_the_test(refusals):
    """A refusal that the child keeps to itself is told to the guard when it closes."""
    with closed(a_policy(), refusals):
        child = run_python(SWALLOW, "api.example.invalid")
        assert refusals == []

    assert child.stdout == "ClosedConnection\n"
    assert [(blocked.host, blocked.port, blocked.label) for blocked in refusals] == [
        ("api.example.invalid", 81, "tests/test_a.py::test_a")
    ]
    assert refusals[0].process_id not in (None, os.getpid())
    assert refusals[0].call_site == "<string>:3 in <module>"


def test_a_grandchild_is_closed(refusals):
    """A child of a child inherits the guard."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"

    with closed(a_policy(), refusals):
        child = run_python(code, SWALLOW, "192.0.2.1")

    assert child.stdout == "ClosedConnection\n"
    assert len(refusals) == 1


def test_a_child_keeps_the_policy(refusals):
    """Loopback and allowed hosts are open in a child as in its parent."""
    code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()"
    with socket.create_server(("127.0.0.1", 0)) as server, closed(a_policy(allowed_hosts=("192.0.2.1",)), refusals):
        local = run_python(code, str(server.getsockname()[1]))
        allowed = run_python(ANNOUNCE, "192.0.2.1")
        forbidden = run_python(SWALLOW, "192.0.2.2")

    assert local.returncode == 0, local.stderr
    assert allowed.stdout == "open\n", allowed.stderr
    assert forbidden.stdout == "ClosedConnection\n"


def test_a_child_obeys_every_open_guard_and_tells_the_last(refusals):
    """Of two open guards, the one opened last hears what a child tried."""
    outer = Refusals()
    with closed(a_policy(), outer), closed(a_policy(), refusals):
        run_python(SWALLOW, "192.0.2.1")

    assert (len(outer), len(refusals)) == (0, 1)


def test_a_child_that_is_started_afterwards_is_open(refusals):
    """Once the guard has closed, new processes are as they were."""
    with closed(a_policy(), refusals):
        pass

    child = run_python("import sys; print('sitecustomize' in sys.modules, [p for p in sys.path if 'guard_site' in p])")

    assert child.stdout == "False []\n"


def test_a_guard_in_a_child_does_not_open_it(refusals):
    """Closing a guard of the child's own leaves the one it inherited in force, for it and its children."""
    code = (
        "import os, sys\n"
        "from llmreplay.interceptors.guard import GuardPolicy, closed\n"
        "with closed(GuardPolicy(allowed_hosts=('*',)), lambda blocked: OSError('inner')): pass\n"
        f"print('{VARIABLE}' in os.environ)\n"
    ) + SWALLOW

    with closed(a_policy(), refusals):
        child = run_python(code, "192.0.2.1", cwd=Path(__file__).parents[2])

    assert child.stdout == "True\nClosedConnection\n", child.stderr


def connect_and_swallow():
    try:
        socket.create_connection(("192.0.2.1", 81), timeout=0.001).close()
    except BaseException as error:
        os._exit(0 if isinstance(error, ClosedConnection) else 1)
    os._exit(2)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_of_multiprocessing_is_closed(refusals, method):
    """Forked and spawned processes refuse, and tell the test."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    process = multiprocessing.get_context(method).Process(target=connect_and_swallow)

    with closed(a_policy(), refusals):
        process.start()
        process.join(20)

    assert process.exitcode == 0
    assert [blocked.host for blocked in refusals] == ["192.0.2.1"]
    assert refusals[0].process_id == process.pid
    assert refusals[0].call_site.endswith("in connect_and_swallow")


@pytest.mark.parametrize(
    ("before", "within"),
    [
        (None, [SITE_FOLDER]),
        ("a", [SITE_FOLDER, "a"]),
        (os.pathsep.join(("a", "", "b")), [SITE_FOLDER, "a", "", "b"]),
    ],
    ids=["unset", "one folder", "with the current folder"],
)
def test_the_environment_is_restored(refusals, monkeypatch, folder_of_reports, before, within):
    """The search path is led to us while closed, and is afterwards what it was; no report stays."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if before is not None:
        monkeypatch.setenv("PYTHONPATH", before)

    with closed(a_policy(), refusals):
        inside = os.environ["PYTHONPATH"].split(os.pathsep), VARIABLE in os.environ

    assert inside == (within, True)
    assert (os.environ.get("PYTHONPATH"), VARIABLE in os.environ) == (before, False)
    assert list(folder_of_reports.iterdir()) == []


def test_a_test_that_changes_the_search_path_keeps_its_change(refusals, monkeypatch):
    """What is added to the search path while closed survives; only our folder goes."""
    monkeypatch.delenv("PYTHONPATH", raising=False)

    with closed(a_policy(), refusals):
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(("mine", os.environ["PYTHONPATH"])))

    assert os.environ["PYTHONPATH"] == "mine"


def test_a_project_s_own_sitecustomize_still_runs(refusals, tmp_path, monkeypatch):
    """A `sitecustomize` that ours stands in front of runs in the child, and is the one found there."""
    (tmp_path / "sitecustomize.py").write_text("MARK = 'theirs'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with closed(a_policy(), refusals):
        child = run_python("import sitecustomize; print(sitecustomize.MARK)\n" + SWALLOW, "192.0.2.1")

    assert child.stdout == "theirs\nClosedConnection\n", child.stderr


def test_a_child_in_another_folder_finds_the_library(refusals, tmp_path):
    """A child needs neither our folder as its own nor the library installed, and its search path stays clean."""
    code = "import sys; print(any('guard_site' in p for p in sys.path))\n" + SWALLOW

    with closed(a_policy(), refusals):
        child = run_python(code, "192.0.2.1", cwd=tmp_path)

    assert child.stdout == "False\nClosedConnection\n", child.stderr


def test_a_child_that_cannot_read_its_guard_does_not_run(monkeypatch):
    """A process that should be closed and cannot be stops before its first line."""
    monkeypatch.setenv("PYTHONPATH", SITE_FOLDER)
    monkeypatch.setenv(VARIABLE, '[{"label": 1}]')

    child = run_python("print('ran')")

    assert child.stdout == ""
    assert child.returncode == 1
    assert f"{VARIABLE}=" in child.stderr


def test_a_child_that_outlives_its_test_stays_closed_and_leaves_no_file(refusals, folder_of_reports):
    """A child refuses on after the guard has closed, and does not make the report anew."""
    with closed(a_policy(), refusals):
        child = subprocess.Popen(
            [sys.executable, "-c", "input()\n" + SWALLOW, "192.0.2.1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    told, _ = child.communicate("go\n")

    assert told == "ClosedConnection\n"
    assert list(folder_of_reports.iterdir()) == []


def test_without_a_temporary_folder_children_are_closed_all_the_same(refusals, monkeypatch, tmp_path):
    """When no report can be made, only the telling is lost."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))

    with closed(a_policy(), refusals):
        child = run_python(SWALLOW, "192.0.2.1")

    assert child.stdout == "ClosedConnection\n"
    assert refusals == []


def test_a_report_that_is_gone_is_an_error(refusals, folder_of_reports):
    """A report that somebody deleted may have held a refusal: the test must not pass in silence."""
    guard = closed(a_policy(), refusals)
    guard.__enter__()
    next(folder_of_reports.iterdir()).unlink()

    with pytest.raises(LlmReplayError, match="what child processes tried to reach cannot be read"):
        guard.__exit__(None, None, None)

    assert VARIABLE not in os.environ


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"strict": true}]', "null"])
def test_a_damaged_variable_is_an_error(text):
    """What is not our own writing is refused with the variable's name."""
    if text == "{}":
        assert list(inherited(text)) == []
        return
    with pytest.raises(LlmReplayError, match=VARIABLE):
        inherited(text)


def test_the_variable_holds_no_more_than_policies(refusals):
    """What children are told is the policy and the report's path, as JSON."""
    with closed(a_policy(strict=True), refusals):
        entries = json.loads(os.environ[VARIABLE])

    assert [set(entry) for entry in entries] == [
        {"label", "strict", "allowed_hosts", "provider_hosts", "proxy_ports", "report"}
    ]
