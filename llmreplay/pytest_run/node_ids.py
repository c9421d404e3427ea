"""Ids of tests, told from the rootdir wherever their files are."""

from __future__ import annotations

import os
from pathlib import Path

from _pytest.nodes import Node


def node_id_of(node: Node) -> str:
    """Give the id of a test, a class or a module, its path one from the rootdir.

    Outside of the rootdir pytest's own begins at what the command line names: it changes with it, and may be that of
    another file's test as well.
    """
    _, separator, inner = node.nodeid.partition("::")
    root = node.config.rootpath
    return node.nodeid if node.path.is_relative_to(root) else f"{path_from(root, node.path)}{separator}{inner}"


def path_from(root: Path, path: Path) -> str:
    """Give the path of a file from a folder, with slashes; on Windows there is none from one drive to another."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:
        return path.as_posix()
