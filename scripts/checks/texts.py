"""Checks of a document's text."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from scripts.checks.catalogue import Severity, check
from scripts.checks.characters import is_unspaced
from scripts.checks.shard import Hit, View

MAX_LENGTH = 1_000_000
"""Characters that spaCy's `nlp.max_length` allows by default."""
LONG_TOKEN, LONG_UNSPACED = 200, 40
"""Characters above which a token is no word: in most scripts, and in those without spaces between words."""
WEB = ("://", "www.", "@")
"""What web and mail addresses hold, which may be as long as they like."""
MARKS_SEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
"""Control characters, and characters of no width but for joiners, which emoji, Persian and Indic scripts need."""


@check(
    "NER119",
    "invisible-characters",
    Severity.warning,
    remedy="delete them, or replace them by a space",
    fix="unsafe",
    bad='{"text": "She saw Co\\u200brk", "spans": []}',
    good='{"text": "She saw Cork", "spans": []}',
)
def invisible_characters(view: View) -> Iterator[Hit]:
    """The text holds control characters, or characters of no width.

    They make tokens that look alike and are not: `Cork` with a zero-width space in it is another word to a pipeline, and is split elsewhere.
    """
    if view.text.isascii() and view.text.isprintable():
        return
    found = list(MARKS_SEEN.finditer(view.text))
    if found:
        marks = sorted({f"U+{ord(match[0]):04X} {unicodedata.name(match[0], 'CONTROL')}" for match in found})
        yield *_token_at(view, found[0].start()), f"{len(found)} of {', '.join(marks)}"


@check(
    "NER120",
    "damaged-characters",
    Severity.warning,
    remedy="read the source in its own encoding and save it as UTF-8",
    bad='{"text": "She saw Cura\\ufffdao", "spans": []}',
    good='{"text": "She saw Curaçao", "spans": []}',
)
def damaged_characters(view: View) -> Iterator[Hit]:
    """The text holds U+FFFD, which stands for bytes that somebody could not read.

    The character is lost for good, and the word is none that the pipeline will meet in use.
    """
    at = view.text.find("\ufffd")
    if at >= 0:
        yield *_token_at(view, at), f"{view.text.count(chr(0xFFFD))} of U+FFFD"


@check(
    "NER121",
    "not-nfc",
    Severity.warning,
    remedy="normalise the text to NFC before you annotate it: offsets change",
    fix="unsafe",
    bad='{"text": "She saw Curac\\u0327ao", "spans": []}',
    good='{"text": "She saw Cura\\u00e7ao", "spans": []}',
)
def not_nfc(view: View) -> Iterator[Hit]:
    """The text is not in Unicode's normal form C: an accent stands as a character of its own.

    `ç` in one character and in two are different words to spaCy, though nobody sees it; texts in use are mostly NFC.
    """
    if not view.text.isascii() and not unicodedata.is_normalized("NFC", view.text):
        i = next((i for i, word in enumerate(view.words) if not unicodedata.is_normalized("NFC", word)), 0)
        yield i, i + 1, f"{view.words[i]!r} would be {unicodedata.normalize('NFC', view.words[i])!r}"


@check(
    "NER123",
    "empty-document",
    Severity.warning,
    remedy="delete the document",
    fix="safe",
    bad='{"text": "  ", "spans": []}',
    good='{"text": "Ana", "spans": []}',
)
def empty_document(view: View) -> Iterator[Hit]:
    """A document has no text, or only white space.

    spaCy skips documents without tokens; white space alone teaches nothing.
    """
    if not view.text.strip():
        yield 0, len(view), f"{len(view.text)} characters of white space"


@check(
    "NER124",
    "text-too-long",
    Severity.error,
    error="E088",
    remedy="set vars.max_tokens, so that long documents are cut at sentence ends",
    fix="safe",
    bad='max_tokens: 0\n{"text": "went home ×100001", "spans": []}',
    good='max_tokens: 1000\n{"text": "went home ×100001", "spans": []}',
)
def text_too_long(view: View) -> Iterator[Hit]:
    """A text has more than 1,000,000 characters.

    spaCy's pipelines refuse it (`nlp.max_length`), and a model's memory grows with it.
    """
    if len(view.text) > MAX_LENGTH:
        yield 0, 0, f"{len(view.text):,} characters"


@check(
    "NER125",
    "giant-token",
    Severity.warning,
    remedy="take the line out, or split the text into words (vars.lang chooses the tokeniser)",
    bad=f"She/O sent/O {'iVBORw0K' * 26}/O home/O",
    good=f"She/O sent/O https://example.org/{'iVBORw0K' * 26}/O home/O",
)
def giant_token(view: View) -> Iterator[Hit]:
    """A token is longer than any word: over 200 characters, or over 40 in a script without spaces between words.

    Encoded data, text whose spaces were lost, or a language that the tokeniser cannot split. The pipeline sees
    one unknown word, no entity can be inside it, and a transformer makes hundreds of pieces of it. Web addresses
    and lines of marks do not count.
    """
    if len(view.text) <= LONG_UNSPACED:
        return
    word = max(view.words, key=len)
    if len(word) <= LONG_UNSPACED or (len(word) <= LONG_TOKEN and not is_unspaced(word[len(word) // 2])):
        return
    if any(map(str.isalnum, word)) and not any(part in word for part in WEB):
        i = view.words.index(word)
        yield i, i + 1, f"{len(word):,} characters in one token, {word[:20]!r} …"


def _token_at(view: View, character: int) -> tuple[int, int]:
    ends = list(accumulate(len(word) + space for word, space in zip(view.words, view.spaces, strict=True)))
    token = min(bisect_right(ends, character), len(ends) - 1)
    return token, token + 1
