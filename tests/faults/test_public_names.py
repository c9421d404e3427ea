import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_faults_and_schedules_are_public_and_lazy():
    """The names of the documentation can be imported, and the package alone loads none of them."""
    code = (
        "import sys, llmreplay\n"
        "assert not [name for name in sys.modules if name.startswith('llmreplay.')]\n"
        "from llmreplay import after, always, chance, every, faults, first, nth\n"
        "assert llmreplay.faults is faults and faults.Overloaded and first(2).hits(2, '')\n"
        "print('loaded')"
    )

    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (run.stdout, run.stderr) == ("loaded\n", "")
