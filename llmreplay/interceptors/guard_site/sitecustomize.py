"""Closes a Python child process, then runs the `sitecustomize` that this one stands in front of."""

import os
import sys


def _close() -> None:
    published = os.environ.get("LLMREPLAY_CHILD_GUARD")
    if not published or sys.version_info < (3, 11):
        return
    # Appended, not inserted: nothing of the child's own may be shadowed by what lies beside the package.
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))  # noqa: PTH100, PTH118, PTH120
    sys.path.append(root)
    try:
        from llmreplay.interceptors.guard import close_child_process

        close_child_process(published)
    except Exception as error:
        # Python goes on after a sitecustomize that failed: a child that should be closed must not.
        raise SystemExit(f"llmreplay: this process cannot be closed to the network: {error!r}") from error
    finally:
        sys.path.remove(root)


def _run_the_next() -> None:
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]  # noqa: PTH100
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_close()
_run_the_next()
