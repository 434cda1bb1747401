"""Checks of one document: its text, its entities and its tags. Each function is called as its check."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, chain

import numpy
from spacy.pipeline import Sentencizer

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
    found = list(INVISIBLE.finditer(view.text))
    if found:
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


def punctuation_edge(view: DocView) -> Iterator[TokenFinding]:
    """Find entities that begin or end with a mark of the text around them."""
    words = view.words
    for start, end, label in view.ents:
        if end - start > 1 and not EDGES.isdisjoint((words[start], words[end - 1])):
            name = view.name(start, end)
            if odd_edge(name, words[start - 1] if start else "", words[end] if end < len(words) else ""):
                yield TokenFinding(start, end, f"{name!r} {label}")


def inside_word(view: DocView) -> Iterator[TokenFinding]:
    """Find entities that begin or end in the middle of a written word."""
    if view.unknown_spaces:
        return
    words, spaces = view.words, view.spaces
    for start, end, label in view.ents:
        left = start > 0 and not spaces[start - 1] and _is_one_word(words[start - 1], words[start])
        right = end < len(words) and not spaces[end - 1] and _is_one_word(words[end - 1], words[end])
        right = right and words[end][0].isalpha()
        if left or right:
            whole = view.name(start - left, end + right)
            yield TokenFinding(start, end, f"{view.name(start, end)!r} {label} is part of {whole!r}")


def _is_one_word(left: str, right: str) -> bool:
    """Say whether two tokens without a space between them look like parts of one word."""
    edges = left[-1], right[0]
    return all(map(str.isalnum, edges)) and not any(map(is_unspaced, edges))


def across_sentences(view: DocView) -> Iterator[TokenFinding]:
    """Find entities that hold a sentence's end; without sentences in the data, a `!` or `?` counts."""
    for start, end, label in view.ents:
        if end - start == 1:
            continue
        if view.sentences_in(start, end):
            yield TokenFinding(start, end, f"{view.name(start, end)!r} {label} holds a sentence's end")
        elif not view.sentences_known and not ENDS.isdisjoint(view.words[start : end - 1]):
            detail = f"{view.name(start, end)!r} {label} looks as if it held a sentence's end"
            yield TokenFinding(start, end, detail)


def long_entity(view: DocView) -> Iterator[TokenFinding]:
    """Find entities that are longer than names are."""
    for start, end, label in view.ents:
        if end - start > LONG_ENTITY:
            yield TokenFinding(start, end, f"{end - start} tokens {label}")
        elif sum(map(len, view.words[start:end])) > LONG_NAME:
            yield TokenFinding(start, end, f"{len(view.name(start, end))} characters {label}")


def i_without_b(view: DocView) -> Iterator[TokenFinding]:
    """Find tokens tagged I that nothing of their label precedes."""
    for i in numpy.flatnonzero(view.column("illegal")).tolist():
        yield TokenFinding(i, i + 1, f"token {i} {view.words[i]!r} is {view.tag(i)} after {view.tag(i - 1)}")


def empty_label(view: DocView) -> Iterator[TokenFinding]:
    """Find entities that begin without a label."""
    for i in numpy.flatnonzero((view.column("iob") == BEGIN) & (view.column("types") == 0)).tolist():
        yield TokenFinding(i, i + 1, f"token {i} {view.words[i]!r} begins an entity without a label")


def outside_with_label(view: DocView) -> Iterator[TokenFinding]:
    """Find tokens that have a label and are tagged O or not at all."""
    outside = numpy.isin(view.column("iob"), (OUTSIDE, MISSING))
    for i in numpy.flatnonzero((view.column("types") != 0) & outside).tolist():
        yield TokenFinding(i, i + 1, f"token {i} {view.words[i]!r} is {view.tag(i)}")


def whitespace_edge(view: DocView) -> Iterator[TokenFinding]:
    """Find entities that begin or end with a token of white space."""
    for start, end, label in view.ents:
        if view.words[start].isspace() or view.words[end - 1].isspace():
            yield TokenFinding(start, end, f"{view.surface(start, end)!r} {label}")


def missing_annotation(view: DocView) -> Iterator[TokenFinding]:
    """Find tokens tagged `-`."""
    missing = numpy.flatnonzero((view.column("iob") == MISSING) & (view.column("types") == 0)).tolist()
    if missing:
        yield TokenFinding(missing[0], missing[0] + 1, f"{len(missing)} of {len(view)} tokens")


def unknown_label(view: DocView) -> Iterator[TokenFinding]:
    """Find labels that are not allowed, unless any is."""
    for start, end, label in view.ents if view.allowed else ():
        if label and label not in view.allowed:
            yield TokenFinding(start, end, f"{label!r} is none of {', '.join(sorted(view.allowed))}")


def by_slug(*functions: Callable) -> dict[str, Callable]:
    """Map functions that are called as their checks to the checks' slugs."""
    return {function.__name__.replace("_", "-"): function for function in functions}


TEXT_CHECKS = by_slug(
    invisible_characters, damaged_characters, not_nfc, empty_document, text_too_long, giant_token
)
ENTITY_CHECKS = by_slug(punctuation_edge, inside_word, across_sentences, long_entity, unknown_label)
TAG_CHECKS = by_slug(i_without_b, empty_label, outside_with_label, whitespace_edge, missing_annotation)


def check_document(view: DocView, checks: frozenset[str]) -> Iterator[TokenFinding]:
    """Yield what the checks named by their slugs find. In plain tags, no check of tags finds a thing."""
    wanted = [TEXT_CHECKS, ENTITY_CHECKS if view.ents else {}, {} if view.is_plain else TAG_CHECKS]
    for slug, function in chain.from_iterable(map(dict.items, wanted)):
        if slug in checks:
            for found in function(view):
                yield found._replace(slug=slug)
