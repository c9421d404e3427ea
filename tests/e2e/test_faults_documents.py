"""What docs/faults.md, docs/clock.md and docs/assertions.md show is run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmreplay import assertions
from llmreplay.faults.catalogue import CATALOGUE

pytest.importorskip("httpx2", reason="the suites of plugin_doubles ask with httpx2, which is not installed")

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "docs" / name for name in ("faults.md", "clock.md", "assertions.md")]
pytest_plugins = ["pytester", "plugin_doubles"]
pytestmark = pytest.mark.skipif(
    not all(path.is_file() for path in DOCUMENTS), reason="the documents are not part of this copy of the sources"
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_the_examples_of_a_document_pass(suite, document):
    """Every block of Python is a test that passes, about the application of examples/retries."""
    blocks = re.findall(r"^```python\n(.*?)^```", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for number, block in enumerate(blocks):
        (suite.root / f"test_block_{number}.py").write_text(block, "utf-8")
    application = (ROOT / "examples" / "retries" / "retry_loops.py").read_text("utf-8")
    (suite.root / "retry_loops.py").write_text(application, "utf-8")
    suite.ini("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function")
    suite.plugins.append("pytest_asyncio.plugin")

    result = suite.run()

    result.assert_outcomes(
        passed=sum(len(re.findall(r"^(?:async )?def test_", block, re.MULTILINE)) for block in blocks)
    )
    assert blocks


def test_every_fault_and_every_check_is_described():
    """The documents leave nothing public out."""
    of_faults, _, of_assertions = (path.read_text("utf-8") for path in DOCUMENTS)
    shown = of_faults.partition("## Which attempts")[0]

    assert [entry.make.__name__ for entry in CATALOGUE if f"`{entry.make.__name__}" not in shown] == []
    assert [name for name in assertions.__all__ if f"`{name}(" not in of_assertions] == []
