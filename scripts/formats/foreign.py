"""Formats that are not read, as foreign.toml lists them: how to recognise each, and the way out of it."""

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def way_out(text: str) -> str:
    """Return a remedy with its words filled in."""
    return re.sub(r"\{(\w+)\}", lambda match: TABLE["words"][match[1]], text)


ROWS: dict[str, list[tuple[list[str], str, str]]] = {}
"""Keys, name and way out of each kind of row, by the first of its keys."""
for keys, name, remedy in TABLE["rows"]["formats"]:
    ROWS.setdefault(keys[0], []).append((keys, name, way_out(remedy)))


def recognise_foreign(head: bytes, path: Path) -> str | None:
    """Say what an unrecognised file is by its first bytes, unpacked, and the way out; None if not certain."""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\r\n", "\n")
    for look in TABLE["looks"]:
        if not re.match(look.get("begins", ""), text):
            continue
        if "name" in look:
            text = path.name.lower().removesuffix(".gz")
        for pattern, name, remedy in look["formats"]:
            binary = "binary" in look and re.match(pattern.encode("latin-1"), head)
            if binary or ("binary" not in look and re.search(pattern, text, re.MULTILINE)):
                return _said(name, way_out(remedy))
    return None


def recognise_foreign_row(row: dict) -> str | None:
    """Return what a JSON row that is not read seems to be, and the way out; None where nothing is certain."""
    for first in row:
        for keys, name, remedy in ROWS.get(first, ()):
            needed = [key for key in keys if key != "!"]
            alone = len(row) == len(row.keys() & set(needed))
            if all(_holds(row, key) for key in needed) and (alone or "!" not in keys):
                return _said(name, remedy)
    return None


def _holds(row: dict, path: str) -> bool:
    """Tell whether something stands at a path such as `annotation/0/points`, of the type that it names."""
    path, _, kind = path.partition(":")
    values: list[Any] = [row]
    for key in path.split("/"):
        lists = [value for value in values if key.isdecimal() and isinstance(value, list)]
        objects = [value for value in values if isinstance(value, dict)]
        values = [value[int(key)] for value in lists if len(value) > int(key)]
        values += [value[name] for value in objects for name in value if fnmatchcase(name, key)]
    return any(not kind or type(value).__name__ == kind for value in values)


def _said(name: str, remedy: str) -> str:
    return f"looks like {name}, which is not read: {remedy}"
