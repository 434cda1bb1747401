"""Records from tokens: rebuild the spaces between words that token-level data does not give."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from scripts.formats.record import Fault, Record, Source, Span, Unread, made_id
from scripts.formats.tags import Ranges, Tag, decode

NO_SPACES = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo"})
"""Languages that write words without spaces between them."""
SPACE_BEFORE = {"fr": frozenset(";:!?»")}
"""Punctuation that has a space before it, by language."""
CLOSING, OPENING, QUOTES = frozenset(".,;:!?)]}%…”’»›"), frozenset("([{“‘«‹¿¡#@"), frozenset("\"'")
CURRENCIES = {"en": ("$", "£", "€")}
"""Signs that stand before their number without a space, by language."""
CLITICS = frozenset(f"{mark}{end}" for mark in "'’" for end in ("s", "re", "ve", "ll", "d", "m"))
CLITICS |= {"n't", "n’t"}
ELIDING = frozenset({"fr", "it", "ca"})
"""Languages where a word that ends in an apostrophe joins the next (l'été)."""


def rebuild_spaces(words: Sequence[str], lang: str) -> list[bool]:
    """Say after which words a space stands, by the habits of punctuation; straight quotes come in turn."""
    spaces: list[bool] = []
    quote_open = after = False  # whether the word before lets a space follow
    for word in words:
        if word == '"':
            joins_left, joins_right = quote_open, not quote_open
            quote_open = not quote_open
        else:
            joins_left, joins_right = _habits(word, lang)
        spaces.append(after and not joins_left)
        after = not joins_right
    return [*spaces[1:], False]


@lru_cache(maxsize=65_536)
def _habits(word: str, lang: str) -> tuple[bool, bool]:
    """Say whether a word joins the one before it, and the one after."""
    if lang in NO_SPACES and not word.isascii():
        return True, True
    spaced = SPACE_BEFORE.get(lang, frozenset())
    chars = set(word)
    smiles = len(word) > 1 and word[0] in ":;="
    closes = chars & CLOSING and chars <= CLOSING | QUOTES and not chars & spaced and not smiles
    opens = chars & OPENING and chars <= OPENING | QUOTES and not ("«" in word and "»" in spaced)
    elides = lang in ELIDING and len(word) < 10 and word[-1] in "'’"
    before_number = word.endswith(CURRENCIES.get(lang, ()))
    return bool(closes) or word.lower() in CLITICS, bool(opens) or elides or before_number


def tagged_record(
    source: Source,
    sentences: Iterable[tuple[Sequence[str], Sequence[bool] | None, Sequence[Tag | str], Sequence[int]]],
    scheme: str,
    *,
    unread: Sequence[Unread] = (),
    **details,
) -> Record:
    """Make a record of sentences: words, whether a space follows each, tags, and the line of each word.

    Tags that the scheme forbids are faults; words of white space are unread. details: as `words_record` has.
    """
    faults, unread, lines, decoded = [], list(unread), [], []
    for words, spaces, tags, numbers in sentences:
        entities, wrong = decode(tags, scheme)
        for i, code, detail in wrong:
            place = source if numbers[i] == source.line else Source(source.path, numbers[i])
            faults.append(Fault(code, place, f"{words[i]!r}: {detail} ({scheme})"))
        if not all(map(str.strip, words)):
            kept = [i for i, word in enumerate(words) if word.strip()]
            entities, dropped = _drop_white_space(words, entities, numbers)
            unread.extend(dropped)
            words, numbers = [words[i] for i in kept], [numbers[i] for i in kept]
            spaces = spaces and [spaces[i] for i in kept]
        lines.extend([numbers[start] for start, _, _ in entities])
        if words:
            decoded.append((words, spaces, entities))
    record = words_record(source, decoded, **details)
    return record._replace(faults=(*faults, *record.faults), unread=tuple(unread), lines=tuple(lines))


def _drop_white_space(
    words: Sequence[str], entities: Ranges, numbers: Sequence[int]
) -> tuple[Ranges, list[Unread]]:
    """Return entities without words of white space; these, and entities of them alone, are unread."""
    kept, reason = [bool(word.strip()) for word in words], "white-space-token"
    at = [0, *accumulate(kept)]
    unread = [
        Unread(reason, f"line {n}", tokens=1) for n, keep in zip(numbers, kept, strict=True) if not keep
    ]
    moved = [(at[start], at[end], label) for start, end, label in entities]
    for (first, _, _), (start, end, label) in zip(entities, moved, strict=True):
        if start == end:
            unread.append(Unread(reason, f"line {numbers[first]}", labels=(label,)))
    return [entity for entity in moved if entity[0] < entity[1]], unread


def words_record(
    source: Source,
    sentences: Iterable[tuple[Sequence[str], Sequence[bool] | None, Ranges]],
    *,
    lang: str,
    id: str | None = None,
    group: str | None = None,
    faults: Sequence[Fault] = (),
    sentences_known: bool = True,
) -> Record:
    """Make a record of sentences: words, whether a space follows each (None: by habit), and entities."""
    words, spaces, sent_starts, ranges, given = [], [], [], [], True
    for sentence, flags, entities in sentences:
        base = len(words)
        words += sentence
        if flags is None:
            given = False
            flags = rebuild_spaces(sentence, lang)
            flags[-1] = lang not in NO_SPACES
        spaces += flags
        sent_starts += [True, *[False] * (len(sentence) - 1)]
        ranges += [(start + base, end + base, label) for start, end, label in entities]
    if not given:
        spaces[-1] = False
    parts = [word + " " if space else word for word, space in zip(words, spaces, strict=True)]
    starts = [0, *accumulate(map(len, parts))]
    return Record(
        id=made_id(source) if id is None else id,
        text="".join(parts),
        spans=tuple([Span(starts[a], starts[z - 1] + len(words[z - 1]), label) for a, z, label in ranges]),
        source=source,
        words=tuple(words),
        spaces=tuple(spaces),
        spaces_given=given,
        sent_starts=tuple(sent_starts) if sentences_known else None,
        group=group,
        faults=tuple(faults),
    )
