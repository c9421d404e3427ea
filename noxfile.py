"""The tests with the real SDKs, in an environment for each of their versions: `nox`, or `nox -s current`."""

from __future__ import annotations

import nox

nox.options.sessions = ["current", "last_httpx"]
nox.options.default_venv_backend = "venv"

TOOLS = (
    "pytest>=8",
    "pytest-asyncio>=1.0",
    "aiohttp>=3.10",
    "anyio>=4",
    "backoff>=2.2",
    "brotli>=1.1",
    "httpx>=0.27",
    "hypothesis>=6.100",
    "pytest-xdist>=3.6",
    "stamina>=25",
    "tenacity>=9",
    "urllib3>=2",
    "zstandard>=0.23",
)


def _run(session: nox.Session, *sdks: str) -> None:
    """Install the built package, not the folder, with these SDKs, and run the tests."""
    session.install(".[server,respx]", *TOOLS, *sdks)
    session.run("pytest", "tests/e2e", "-q", *session.posargs)


@nox.session
def current(session: nox.Session) -> None:
    """Run them with the current majors, which are built on httpx2."""
    _run(session, "anthropic[aiohttp]>=2", "openai[aiohttp]>=3", "httpx2")


@nox.session
@nox.parametrize(
    ("anthropic", "openai"),
    [("0.125.0", "2.54.0"), ("0.125.0", "1.109.1")],
    ids=["openai-2", "openai-1"],
)
def last_httpx(session: nox.Session, anthropic: str, openai: str) -> None:
    """Run them with the last majors that are built on httpx."""
    _run(session, f"anthropic[aiohttp]=={anthropic}", f"openai[aiohttp]=={openai}")
