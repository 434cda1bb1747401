"""What all readers of tokens with tags share: what no token may be, and how many entities stand in tags."""

from collections.abc import Callable, Sequence
from itertools import accumulate

from scripts.formats.record import AnnotationError, Source, Unread
from scripts.formats.tags import PLAIN, Spelling

Ranges = list[tuple[int, int, str]]


def drop_white_space(
    words: Sequence[str], entities: Ranges, place: Callable[[int], str]
) -> tuple[Sequence[str], Ranges, list[Unread]]:
    """Take tokens that are white space, or nothing, out of a sentence, and entities that have no other token.

    entities: `(start, end, label)` token ranges, end exclusive. place: says where a token stands.
    """
    kept = [bool(word.strip()) for word in words]
    if all(kept):
        return words, entities, []
    at = [0, *accumulate(kept)]
    unread = [
        Unread("white-space-token", f"{place(i)} {word!r}", tokens=1)
        for i, word in enumerate(words)
        if not kept[i]
    ]
    unread += [
        Unread("white-space-token", place(start), labels=(label,))
        for start, end, label in entities
        if at[start] == at[end]
    ]
    moved = [(at[start], at[end], label) for start, end, label in entities if at[start] < at[end]]
    return [word for word, keep in zip(words, kept, strict=True) if keep], moved, unread


def count_entities(tags: Sequence[str], spelling: Spelling) -> int:
    """Count where entities begin in a sentence's tags: at B, S, U, or where no tag before lets one go on."""
    found, before = 0, ("", "")
    for tag in tags:
        if tag == spelling.outside:
            before = ("", "")
            continue
        now = ("I", tag)
        if spelling.style != PLAIN:
            now = (tag[-1:], tag[:-2]) if spelling.style.endswith("B") else (tag[:1].upper(), tag[2:])
        found += now[0] in "BSUW" or before[1] != now[1] or before[0] in ("", *"LESUW")
        before = now
    return found


def describe_tags(scheme: str, spelling: Spelling, labels: Sequence[str]) -> str:
    """Say how tags are written, and which labels they have: `IOB2: LOC, ORG, PER`."""
    said = "no prefixes" if spelling.style == PLAIN else scheme
    if spelling.style not in (PLAIN, Spelling().style):
        said += f" as in {spelling.style}"
    if spelling.outside != Spelling().outside:
        said += f", O written as {spelling.outside!r}"
    return f"{said}: {', '.join(labels[:20])}{', …' if len(labels) > 20 else ''}" if labels else "all O"


def check_words(words: Sequence[str], source: Source) -> None:
    """Raise AnnotationError where a token holds half of a surrogate pair or a NUL, as JSON's escapes can."""
    text = " ".join(words)
    if "\0" in text:
        raise AnnotationError(
            f"{source}: the text holds a NUL character (\\u0000), which is no text; delete it"
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise AnnotationError(
            f"{source}: the text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; "
            "delete it"
        ) from None
