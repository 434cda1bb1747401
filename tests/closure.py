"""Which of the project's own modules a module imports, directly or through others."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def import_closure(module: str) -> set[str]:
    """Return the paths, relative to the root, of `module` and of every `scripts` module it needs (packages'
    __init__ aside).
    """
    found: set[str] = set()
    todo = [module]
    while todo:
        path = Path(*todo.pop().split(".")).with_suffix(".py")
        if path.as_posix() in found or not (ROOT / path).exists():
            continue
        found.add(path.as_posix())
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("scripts"):
                todo += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return found
