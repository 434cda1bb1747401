"""What numbers stand for as tags: the names that Hugging Face's JSON files beside the data give them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.formats.record import fail

FEATURES = ("features.json", "dataset_info.json", "dataset_infos.json")
MAPS = ("config.json", "id2label.json", "label2id.json", "label.json")


def class_names(feature: Any) -> list[str]:
    """Find the ClassLabel names inside a feature, however it is nested; a list, or an object `{"0": "O"}`."""
    if isinstance(feature, dict):
        names = feature.get("names")
        if isinstance(names, dict):
            names = _in_order(names)
        if isinstance(names, list):
            return [str(name) for name in names]
    return next((found for part in _inner(feature) if (found := class_names(part))), [])


def nearby_names(path: Path, key: str) -> tuple[tuple[str, ...], str]:
    """Return the names that a JSON file beside the data gives to the numbers under a key, and that file.

    Raises AnnotationError where two files say different things, and where one cannot be read.
    """
    found: dict[tuple[str, ...], str] = {}
    for beside in map(path.with_name, (*FEATURES, *MAPS)):
        if beside == path or not beside.is_file():
            continue
        try:
            content = json.loads(beside.read_text(encoding="utf-8"))
            listed = list(_of_key(content, key)) if beside.name in FEATURES else [_of_map(content)]
        except (OSError, ValueError, RecursionError) as error:
            remedy = "repair it, or give --label-names=O,B-PER,I-PER"
            fail(beside, f"cannot be read ({error})", remedy)
        for names in filter(None, map(tuple, listed)):
            found.setdefault(names, beside.as_posix())
    if len(found) > 1:
        readings = ", but ".join(f"{', '.join(names[:5])}… in {file}" for names, file in found.items())
        remedy = "give the right ones: --label-names=O,B-PER,I-PER"
        fail(path, f"the numbers of `{key}` are called {readings}", remedy)
    return next(iter(found.items()), ((), ""))


def _inner(content: Any) -> list:
    return (
        list(content.values()) if isinstance(content, dict) else content if isinstance(content, list) else []
    )


def _of_key(content: Any, key: str) -> Iterator[list[str]]:
    """Yield the names of every feature that is called so, of all configurations."""
    if isinstance(content, dict):
        names = class_names(content if content.get("name") == key else content.get(key))
        if names:
            yield names
            return
    for value in _inner(content):
        yield from _of_key(value, key)


def _of_map(content: Any) -> list[str]:
    """Return names by number from `id2label` or `label2id`, or from an object that is one of them."""
    if not isinstance(content, dict):
        return []
    maps = [content.get("id2label"), content.get("label2id"), content]
    return next((names for one in maps if isinstance(one, dict) and (names := _in_order(one))), [])


def _in_order(content: dict) -> list[str]:
    """Return the names of `{"0": "O"}` or `{"O": 0}` in their numbers' order; nothing where one lacks."""
    if all(type(number) is int for number in content.values()):
        content = {str(number): name for name, number in content.items()}
    names = [content.get(str(number)) for number in range(len(content))]
    return names if all(type(name) is str for name in names) else []
