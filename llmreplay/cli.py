"""The command `llmreplay`: look at cassettes, check them, and serve answers on loopback."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from llmreplay.core.errors import LlmReplayError
from llmreplay.core.reading import summary_of
from llmreplay.core.redaction import Redactor
from llmreplay.providers import CATALOGUE
from llmreplay.storage.diagnosis import begins_as_cassette
from llmreplay.storage.files import load

_HIGHEST_PORT = 65_535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give 0 if all is well, 1 if something was found, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="llmreplay", description="Look at cassettes, check them, simulate a provider."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="list the interactions of cassettes, one a line")
    show.add_argument("cassettes", nargs="+", type=Path, metavar="CASSETTE", help="a file, or a folder of them")
    check = commands.add_parser("check", help="read every cassette below a folder, and look for secrets in them")
    check.add_argument("folder", nargs="?", type=Path, default=Path("cassettes"))
    check.add_argument(
        "--redact",
        action="append",
        default=[],
        type=_pattern,
        metavar="re:PATTERN",
        help="look for this as well, as the setting does",
    )
    simulate = commands.add_parser("simulate", help="serve made-up answers of all providers on loopback")
    simulate.add_argument("--port", type=_port, default=0, help="0 for any that is free")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        # A console that has no signs for a text shows their numbers.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if options.command == "show":
            return _show(options.cassettes)
        if options.command == "check":
            return _check(options.folder, options.redact)
        return _simulate(options.port)
    except LlmReplayError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever reads has had enough, as `head` does; what is still to be flushed must not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _pattern(text: str) -> str:
    if not text.startswith("re:"):
        raise argparse.ArgumentTypeError(f"{text!r} is no pattern: write re:{text}")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write a number up to {_HIGHEST_PORT}")
    return int(text)


def _show(cassettes: Sequence[Path]) -> int:
    summarise = partial(summary_of, CATALOGUE.apis)
    folders = {path: sorted(filter(_is_cassette, path.rglob("*"))) for path in cassettes if path.is_dir()}
    for path in (one for given in cassettes for one in folders.get(given, [given])):
        interactions = load(path)
        if interactions is None:
            print(f"{path}: no such cassette", file=sys.stderr)
            return 1
        print(f"{path}: {len(interactions)} interaction{'' if len(interactions) == 1 else 's'}")
        for number, interaction in enumerate(interactions, 1):
            print(f"  {number}: {summarise(interaction)}")
    return 0


def _check(folder: Path, redact: Sequence[str]) -> int:
    if not folder.is_dir():
        found = "no folder: give the one that it is in" if folder.exists() else "no such folder"
        print(f"{folder}: {found}", file=sys.stderr)
        return 1
    redactor, problems, count = Redactor(redact=redact), 0, 0
    for path in sorted(filter(_is_cassette, folder.rglob("*"))):
        count += 1
        try:
            load(path, folder=folder)
        except LlmReplayError as error:
            problems += 1
            print(error)
            continue
        leak = redactor.scan(path.read_bytes())
        if leak is not None:
            problems += 1
            print(f"{path}: a secret: {leak}\n  Take it out, and revoke it; record again with this version.")
    print(f"{count} cassettes, {problems} with a problem")
    return 1 if problems else 0


def _is_cassette(path: Path) -> bool:
    """Say whether a file is to be looked at: by its name, or, for one of another name, by how it begins."""
    if path.suffix == ".json" or not path.is_file():
        return path.suffix == ".json"
    try:
        with path.open("rb") as file:
            return begins_as_cassette(file.read(200))
    except OSError:
        # Reading it as a cassette says why.
        return True


def _simulate(port: int) -> int:
    from llmreplay.simulator.__main__ import main as run

    try:
        return run(["--port", str(port)])
    except OSError as error:
        print(f"port {port}: {error.strerror or error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
