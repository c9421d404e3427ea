"""The shape of the house: imports point inwards, files stay small, and the plugin costs nothing unused."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "llmreplay"
MOST_LINES = 300
RINGS = (
    ("core",),
    ("providers", "faults"),
    ("interceptors", "storage", "report"),
    ("session", "assertions", "strategies", "simulator"),
    ("pytest_run", "pytest_fuzz", "pytest_options"),
    ("pytest_plugin", "cli"),
    ("__init__",),
)
MODULE_NAME = re.compile(r"llmreplay(\.\w+)+")
RING_OF = {unit: number for number, units in enumerate(RINGS) for unit in units}


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one file.

    Attributes:
        line: Where it stands.
        module: Absolute name; for `from a import b` both `a` and `a.b` are given, as `b` may be a module.
        is_at_top: Whether importing the file runs it.
    """

    line: int
    module: str
    is_at_top: bool


def imports_of(source: str, module: str, *, is_package: bool = False) -> list[Import]:
    """Read every import of a file: those in functions, under TYPE_CHECKING and by `import_module("...")` too."""
    found: list[Import] = []
    package = module if is_package else module.rpartition(".")[0]

    def visit(node: ast.AST, is_at_top: bool) -> None:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            names = [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Names in strings are how lazy modules are loaded; a docstring never is just a module's name.
            names = [node.value] if MODULE_NAME.fullmatch(node.value) and _is_module(node.value) else []
        found.extend(Import(getattr(node, "lineno", 0), name, is_at_top) for name in names)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, is_at_top and not inside and not checking)

    visit(ast.parse(source), True)
    return found


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def unit_of(module: str) -> str:
    """Give the part of the house a module belongs to: `llmreplay.core.model` is of `core`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def complaint_about(importer: str, imported: str) -> str | None:
    """Say what is wrong with one unit importing another; None if nothing is."""
    if importer == imported:
        return None
    for unit in (importer, imported):
        if unit not in RING_OF:
            return f"{unit} stands in no ring: give it one in {Path(__file__).name} and in the house style"
    if RING_OF[imported] > RING_OF[importer]:
        return f"{importer} imports {imported}, which lies further out"
    if RING_OF[imported] == RING_OF[importer]:
        return f"{importer} imports its sibling {imported}"
    return None


def complaints_about(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """List what a file imports against the direction, a line each."""
    found = {}
    for item in imports_of(source, module, is_package=is_package):
        if item.module != "llmreplay" and not item.module.startswith("llmreplay."):
            continue
        name = item.module
        # `from llmreplay import core` names the unit; `from llmreplay import first` the outermost ring.
        unit = unit_of(name) if name != "llmreplay" and _is_module(".".join(name.split(".")[:2])) else "__init__"
        if name == "llmreplay" and any(
            other.line == item.line and other.module.startswith("llmreplay.") and _is_module(other.module)
            for other in imports_of(source, module, is_package=is_package)
        ):
            continue
        complaint = complaint_about(unit_of(module), unit)
        if complaint:
            found[f"{module}:{item.line}: {complaint}"] = None
    return list(found)


def modules() -> list[tuple[str, Path]]:
    """List the package's modules by name."""
    named = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        named.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return named


MODULES = modules()


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_point_inwards(module, path):
    """No module imports one that lies further out or beside it."""
    complaints = complaints_about(path.read_text("utf-8"), module, is_package=path.name == "__init__.py")

    assert complaints == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import llmreplay.storage.cassette_file", "llmreplay.core.model"),
        ("from llmreplay.storage import x", "llmreplay.interceptors.http"),
        ("def f():\n    from llmreplay import session", "llmreplay.report.terminal"),
        ("if TYPE_CHECKING:\n    from llmreplay.pytest_plugin import X", "llmreplay.simulator"),
        ("from ..providers import catalogue", "llmreplay.faults.statuses"),
        ("from llmreplay import use_cassette", "llmreplay.pytest_plugin"),
        ("import llmreplay", "llmreplay.cli"),
        ("def f():\n    import_module('llmreplay.providers')", "llmreplay.core.api"),
        ("import llmreplay.core", "llmreplay.attic"),
    ],
    ids=["outwards", "sideways", "in a function", "for types", "relative", "a name", "the top", "a string", "new"],
)
def test_an_arrow_outwards_is_found(source, module):
    """The check sees an import that points outwards or sideways, however it is written."""
    complaints = complaints_about(source, module)

    assert len(complaints) == 1


def test_arrows_inwards_are_allowed():
    """The check allows what lies further in and what belongs to the same part."""
    source = "from llmreplay.core.model import Request\nfrom llmreplay.storage.names import x\nimport json"

    assert complaints_about(source, "llmreplay.storage.cassette_file") == []


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_files_stay_small(module, path):
    """No file of the package reaches 300 lines."""
    assert len(path.read_text("utf-8").splitlines()) < MOST_LINES, f"{module} holds more than one concept"


CORE = [(name, path) for name, path in MODULES if unit_of(name) == "core"]


@pytest.mark.parametrize(("module", "path"), CORE, ids=[name for name, _ in CORE])
def test_core_needs_the_standard_library_only(module, path):
    """Core imports nothing but itself and the standard library."""
    roots = {item.module.split(".")[0] for item in imports_of(path.read_text("utf-8"), module)}

    assert roots - sys.stdlib_module_names <= {"llmreplay"}


IMPURE = {
    "asyncio", "http", "os", "pathlib", "random", "secrets", "select", "shutil", "socket", "ssl", "subprocess",
    "tempfile", "time", "urllib.request", "uuid",
}  # fmt: skip


@pytest.mark.parametrize(("module", "path"), CORE, ids=[name for name, _ in CORE])
def test_core_decides_and_never_acts(module, path):
    """Core imports nothing that opens files or sockets, sleeps, rolls dice or reads the clock."""
    used = {item.module for item in imports_of(path.read_text("utf-8"), module)}

    assert used & IMPURE == set()


def test_the_plugin_costs_nothing_unused():
    """Loading the plugin imports nothing but the standard library and pytest."""
    at_top = {
        item.module
        for name in ("pytest_plugin", "pytest_options")
        for item in imports_of((PACKAGE / f"{name}.py").read_text("utf-8"), f"llmreplay.{name}")
        if item.is_at_top
    }
    others = {name for name in at_top if not name.startswith("llmreplay.pytest_options")}

    assert {name.split(".")[0] for name in others} - sys.stdlib_module_names <= {"pytest", "_pytest"}
