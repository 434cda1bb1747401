"""What numbers stand for as tags: the names that Hugging Face's JSON files beside the data give them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.formats.record import fail

FILES = ("features.json", "dataset_info.json", "dataset_infos.json")
MAPS = ("config.json", "id2label.json", "label2id.json", "label.json")


def nearby_names(path: Path, key: str) -> tuple[tuple[str, ...], str]:
    """Return the names that a JSON file beside the data gives to the numbers under a key, and that file."""
    found: dict[tuple[str, ...], str] = {}
    remedy = "--label-names=O,B-PER,I-PER"
    for beside in map(path.with_name, (*FILES, *MAPS)):
        if beside == path or not beside.is_file():
            continue
        try:
            content = json.loads(beside.read_text(encoding="utf-8"))
            listed = [_of_map(content)] if beside.name in MAPS else list(class_names(content, key))
        except (OSError, ValueError, RecursionError) as error:
            fail(beside, f"cannot be read ({error})", f"repair it, or give {remedy}")
        for names in filter(None, map(tuple, listed)):
            found.setdefault(names, beside.as_posix())
    if len(found) > 1:
        readings = ", but ".join(f"{', '.join(names[:5])}… in {file}" for names, file in found.items())
        fail(path, f"the numbers of `{key}` are called {readings}", f"give the right ones: {remedy}")
    return next(iter(found.items()), ((), ""))


def class_names(content: Any, key: str = "", *, inside: bool = False) -> Iterator[list[str]]:
    """Yield the names of every ClassLabel, in all configurations, `inside` the feature that is called so."""
    if isinstance(content, dict):
        inside = inside or (key != "" and content.get("name") == key)
        names = content.get("names") if inside else None
        names = _in_order(names) if isinstance(names, dict) else names
        if isinstance(names, list):
            yield list(map(str, names))
            return
    items = enumerate(content) if isinstance(content, list) else ()
    for name, value in content.items() if isinstance(content, dict) else items:
        if isinstance(value, dict | list):
            yield from class_names(value, key, inside=inside or name == key)


def _of_map(content: Any) -> list[str]:
    """Return names by number from `id2label` or `label2id`, or from an object that is one of them."""
    maps = [content.get("id2label"), content.get("label2id"), content] if isinstance(content, dict) else []
    return next((names for one in maps if isinstance(one, dict) and (names := _in_order(one))), [])


def _in_order(content: dict) -> list[str]:
    """Return the names of `{"0": "O"}` or `{"O": 0}` in their numbers' order; nothing where one lacks."""
    if all(type(number) is int for number in content.values()):
        content = {str(number): name for name, number in content.items()}
    names = [content.get(str(number)) for number in range(len(content))]
    return names if all(type(name) is str for name in names) else []
