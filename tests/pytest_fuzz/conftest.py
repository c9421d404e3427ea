import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# Loaded here once: an inner run forgets every module that it was the first to import.
for _name in (
    "hypothesis.database",
    "hypothesis.strategies",
    "llmreplay.pytest_fuzz",
    "llmreplay.report.explain",
    "llmreplay.strategies.search",
):
    __import__(_name)
