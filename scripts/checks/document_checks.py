"""Checks of one document: its text, its entities and its tags. Each function is called as its check."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import numpy
from spacy.pipeline import Sentencizer

from scripts.checks.catalogue import by_slug
from scripts.checks.characters import EDGES, is_unspaced, odd_edge
from scripts.checks.doc_view import DocView, TokenFinding
from scripts.corpus.shards import BEGIN, MISSING, OUTSIDE

MAX_LENGTH = 1_000_000
"""Characters that spaCy's `nlp.max_length` allows by default."""
LONG_TOKEN, LONG_UNSPACED = 200, 40
"""Characters above which a token is no word: in most scripts, and in those without spaces between words."""
WEB = ("://", "www.", "@")
"""What web and mail addresses hold, which may be as long as they like."""
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
"""Control characters, and those of no width but for joiners, which emoji, Persian and Indic scripts need."""
LONG_ENTITY, LONG_NAME = 20, 200
"""Tokens, and characters, from which an entity is worth a look."""
ENDS = frozenset(Sentencizer.default_punct_chars) - {"."}
"""What spaCy's sentencizer takes for a sentence's end, but for the full stop, which many names hold."""


def invisible_characters(view: DocView) -> Iterator[TokenFinding]:
    """Find control characters and characters of no width."""
    if view.text.isascii() and view.text.isprintable():
        return
    if found := list(INVISIBLE.finditer(view.text)):
        names = sorted({f"U+{ord(match[0]):04X} {unicodedata.name(match[0], 'CONTROL')}" for match in found})
        yield _at(view, found[0].start(), f"{len(found)} of {', '.join(names)}")


def damaged_characters(view: DocView) -> Iterator[TokenFinding]:
    """Find U+FFFD."""
    at = view.text.find("\ufffd")
    if at >= 0:
        yield _at(view, at, f"{view.text.count(chr(0xFFFD))} of U+FFFD")


def _at(view: DocView, character: int, detail: str) -> TokenFinding:
    ends = list(accumulate(len(word) + space for word, space in zip(view.words, view.spaces, strict=True)))
    token = min(bisect_right(ends, character), len(ends) - 1)
    return TokenFinding(token, token + 1, detail)


def not_nfc(view: DocView) -> Iterator[TokenFinding]:
    """Find words that are not in Unicode's normal form C."""
    if not view.text.isascii() and not unicodedata.is_normalized("NFC", view.text):
        words = enumerate(view.words)
        i = next((i for i, word in words if not unicodedata.is_normalized("NFC", word)), 0)
        word = view.words[i]
        yield TokenFinding(i, i + 1, f"{word!r} would be {unicodedata.normalize('NFC', word)!r}")


def empty_document(view: DocView) -> Iterator[TokenFinding]:
    """Find documents of white space."""
    if not view.text.strip():
        yield TokenFinding(0, len(view), f"{len(view.text)} characters of white space")


def text_too_long(view: DocView) -> Iterator[TokenFinding]:
    """Find texts that spaCy refuses."""
    if len(view.text) > MAX_LENGTH:
        yield TokenFinding(0, 0, f"{len(view.text):,} characters")


def giant_token(view: DocView) -> Iterator[TokenFinding]:
    """Find a token that is longer than any word and neither an address nor a line of marks."""
    if len(view.text) <= LONG_UNSPACED:
        return
    word = max(view.words, key=len)
    most = LONG_UNSPACED if is_unspaced(word[len(word) // 2]) else LONG_TOKEN
    if len(word) > most and any(map(str.isalnum, word)) and not any(part in word for part in WEB):
        i = view.words.index(word)
        yield TokenFinding(i, i + 1, f"{len(word):,} characters in one token, {word[:20]!r} …")


TEXT_CHECKS = by_slug(globals())
"""The checks up to here."""


def punctuation_edge(view: DocView, start: int, end: int, label: str) -> str:
    """Say whether an entity begins or ends with a mark of the text around it."""
    words = view.words
    if end - start == 1 or EDGES.isdisjoint((words[start], words[end - 1])):
        return ""
    name, before, after = view.name(start, end), words[start - 1 : start], words[end : end + 1]
    return f"{name!r} {label}" if odd_edge(name, "".join(before), "".join(after)) else ""


def inside_word(view: DocView, start: int, end: int, label: str) -> str:
    """Say whether an entity begins or ends in the middle of a written word."""
    words, spaces = view.words, view.spaces
    left = start > 0 and not spaces[start - 1] and _is_one_word(words[start - 1], words[start])
    right = end < len(words) and not spaces[end - 1] and _is_one_word(words[end - 1], words[end])
    right = right and words[end][0].isalpha()
    if view.unknown_spaces or not (left or right):
        return ""
    return f"{view.name(start, end)!r} {label} is part of {view.name(start - left, end + right)!r}"


def _is_one_word(left: str, right: str) -> bool:
    """Say whether two tokens without a space between them look like parts of one word."""
    edges = left[-1], right[0]
    return all(map(str.isalnum, edges)) and not any(map(is_unspaced, edges))


def across_sentences(view: DocView, start: int, end: int, label: str) -> str:
    """Say whether an entity holds a sentence's end; without sentences in the data, a `!` or `?` counts."""
    if end - start == 1:
        return ""
    if view.sentences(start, end):
        return f"{view.name(start, end)!r} {label} holds a sentence's end"
    if view.column("sent_starts")[1:].any() or ENDS.isdisjoint(view.words[start : end - 1]):
        return ""
    return f"{view.name(start, end)!r} {label} looks as if it held a sentence's end"


def long_entity(view: DocView, start: int, end: int, label: str) -> str:
    """Say whether an entity is longer than names are."""
    if end - start > LONG_ENTITY:
        return f"{end - start} tokens {label}"
    is_long = sum(map(len, view.words[start:end])) > LONG_NAME
    return f"{len(view.name(start, end))} characters {label}" if is_long else ""


def unknown_label(view: DocView, start: int, end: int, label: str) -> str:
    """Say whether a label is not allowed, unless any is."""
    is_unknown = label and view.allowed and label not in view.allowed
    return f"{label!r} is none of {', '.join(sorted(view.allowed))}" if is_unknown else ""


def whitespace_edge(view: DocView, start: int, end: int, label: str) -> str:
    """Say whether an entity begins or ends with a token of white space."""
    is_white = view.words[start].isspace() or view.words[end - 1].isspace()
    return f"{view.surface(start, end)!r} {label}" if is_white else ""


ENTITY_CHECKS = {slug: check for slug, check in by_slug(globals()).items() if slug not in TEXT_CHECKS}
"""The checks from there on."""


def check_tags(view: DocView) -> Iterator[TokenFinding]:
    """Find tokens whose tag says too little, or what cannot be."""
    iob, is_typed = view.column("iob"), view.column("types") != 0
    faults = {
        "i-without-b": (view.column("illegal"), lambda i: f"is {view.tag(i)} after {view.tag(i - 1)}"),
        "empty-label": ((iob == BEGIN) & ~is_typed, lambda i: "begins an entity without a label"),
        "outside-with-label": (numpy.isin(iob, (OUTSIDE, MISSING)) & is_typed, lambda i: f"is {view.tag(i)}"),
    }
    for slug, (mask, describe) in faults.items():
        for i in numpy.flatnonzero(mask).tolist():
            yield TokenFinding(i, i + 1, f"token {i} {view.words[i]!r} {describe(i)}", slug)
    missing = numpy.flatnonzero((iob == MISSING) & ~is_typed).tolist()
    if missing:
        detail = f"{len(missing)} of {len(view)} tokens"
        yield TokenFinding(missing[0], missing[0] + 1, detail, "missing-annotation")


def check_document(view: DocView, checks: frozenset[str]) -> Iterator[TokenFinding]:
    """Yield what the checks named by their slugs find. In plain tags, no check of tags finds a thing."""
    for slug, function in TEXT_CHECKS.items():
        if slug in checks:
            yield from (found._replace(slug=slug) for found in function(view))
    for slug, function in ENTITY_CHECKS.items() if view.ents else ():
        if slug in checks:
            details = ((start, end, function(view, start, end, label)) for start, end, label in view.ents)
            yield from (TokenFinding(*found, slug) for found in details if found[-1])
    if not view.is_plain:
        yield from (found for found in check_tags(view) if found.slug in checks)
