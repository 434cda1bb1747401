"""What numbers stand for as tags: the names that Hugging Face's JSON files beside the data give them."""

import json
from pathlib import Path
from typing import Any

from scripts.formats.record import AnnotationError

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
    inner = feature.values() if isinstance(feature, dict) else feature if isinstance(feature, list) else ()
    return next((found for part in inner if (found := class_names(part))), [])


def nearby_names(path: Path, key: str) -> tuple[tuple[str, ...], str]:
    """Return the names that a JSON file beside the data gives to the numbers under a key, and that file.

    Raises AnnotationError where two files say different things, and where one cannot be read.
    """
    found: dict[tuple[str, ...], str] = {}
    for name in (*FEATURES, *MAPS):
        beside = path.with_name(name)
        if beside == path or not beside.is_file():
            continue
        try:
            content = json.loads(beside.read_text(encoding="utf-8"))
            listed = _of_key(content, key) if name in FEATURES else [_of_map(content)]
        except (OSError, ValueError, RecursionError) as error:
            raise AnnotationError(
                f"{beside}: cannot be read ({error}); mend it, or give --label-names=O,B-PER,I-PER"
            ) from None
        found.update(
            {tuple(names): beside.as_posix() for names in listed if names and tuple(names) not in found}
        )
    if len(found) > 1:
        (first, file), (second, other), *_ = found.items()
        raise AnnotationError(
            f"{path}: the numbers of `{key}` are called {', '.join(first[:5])}… in {file}, but "
            f"{', '.join(second[:5])}… in {other}; give the right ones: --label-names=O,B-PER,I-PER"
        )
    return next(iter(found.items()), ((), ""))


def _of_key(content: Any, key: str) -> list[list[str]]:
    """Return the names of every feature that is called so, of all configurations."""
    found = []
    if isinstance(content, dict):
        own = content.get(key)
        if content.get("name") == key:
            own = content
        if own is not None and (names := class_names(own)):
            return [names]
        found = [names for value in content.values() for names in _of_key(value, key)]
    elif isinstance(content, list):
        found = [names for value in content for names in _of_key(value, key)]
    return found


def _of_map(content: Any) -> list[str]:
    """Return names by number from `id2label` or `label2id`, or from an object that is one of them."""
    if not isinstance(content, dict):
        return []
    named = [content[key] for key in ("id2label", "label2id") if isinstance(content.get(key), dict)]
    return next((names for one in [*named, content] if (names := _in_order(one))), [])


def _in_order(content: dict) -> list[str]:
    """Return the names of `{"0": "O"}` or `{"O": 0}` in their numbers' order; nothing where one lacks."""
    if content and all(type(number) is int for number in content.values()):
        content = {str(number): name for name, number in content.items()}
    if not content or not all(type(name) is str for name in content.values()):
        return []
    names = [content.get(str(number)) for number in range(len(content))]
    return [] if None in names else names
