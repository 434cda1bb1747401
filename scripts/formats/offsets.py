"""In which units a file's offsets count: characters, as they should, or what other tools count."""

import re
import string
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from scripts.formats.record import Fault, Record, Source, Span


class Unit(NamedTuple):
    """A unit: which characters count otherwise, how much each does, and what start and end are off by."""

    name: str
    where: str = ""
    width: Callable[[str], int] = len
    start: int = 0
    end: int = 0


UNITS = {
    "utf-16": Unit("UTF-16 units (a JavaScript or Java tool?)", "[\U00010000-\U0010ffff]", lambda _: 2),
    "bytes": Unit("UTF-8 bytes", "[^\0-\x7f]", lambda char: len(char.encode("utf-8", "surrogatepass"))),
    "crlf-as-one": Unit("characters with each line end (CR LF) as one", "\r(?=\n)", lambda _: 0),
    "lf-as-two": Unit("characters with each line end (LF) as two, CR LF", "(?<!\r)\n", lambda _: 2),
    "inclusive": Unit("characters with an inclusive end", end=1),
    "from-1": Unit("characters from 1 on", start=-1, end=-1),
    "from-1-inclusive": Unit("characters from 1 on with an inclusive end", start=-1),
}
OFFSETS = ("auto", "characters", *UNITS)
"""What offsets may count; `auto`: characters, unless the file itself shows otherwise, which is an error."""
MOST_FIT, SYSTEMATIC = 0.8, 0.3
"""Units are believed if 30 % of the spans that they move are wrong as characters, and 80 % of these fit."""
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts that write no space between words: a name may begin and end anywhere."""
JOINED = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]")
"""What joins emoji, or changes the one before it."""
CLEAR = frozenset(["", *string.punctuation, *" \n\t“”‘’„«»–—…"])
"""What may stand beside a word that begins or ends there beyond doubt."""
BLANKS = re.compile(r"\s|\\[nrt]")


@lru_cache(maxsize=16)
def edges(text: str, unit: str) -> list[int]:
    """Return how many units stand before each character of a text, and in all of it."""
    widths = [1] * len(text)
    if UNITS[unit].where:
        for match in re.finditer(UNITS[unit].where, text):
            widths[match.start()] = UNITS[unit].width(match[0])
    return list(accumulate(widths, initial=0))


def to_characters(text: str, start: int, end: int, unit: str) -> tuple[int, int]:
    """Turn offsets in some unit into characters; one inside a character or beyond the text becomes −1."""
    if unit not in UNITS:
        return start, end
    if not UNITS[unit].where:
        return start + UNITS[unit].start, end + UNITS[unit].end
    counts = edges(text, unit)

    def character(offset: int) -> int:
        at = bisect_left(counts, offset)
        return at if counts[at : at + 1] == [offset] else -1

    return character(start), character(end)


def changed_by(text: str, unit: str) -> bool:
    """Say whether a unit counts a text otherwise than characters do."""
    return re.search(UNITS[unit].where, text) is not None


def fits(text: str, start: int, end: int, quoted: str | None) -> bool:
    """Say whether a stretch of text is what is quoted, or, if nothing is, begins and ends where words do."""
    if not 0 <= start < end <= len(text):
        return False
    marked = text[start:end]
    if quoted is not None:
        return quoted == marked or (marked == marked.strip() and same_text(quoted, marked))
    return marked == marked.strip() and _is_edge(text, start) and _is_edge(text, end)


def _is_edge(text: str, at: int) -> bool:
    before, after = text[max(at - 1, 0) : at], text[at : at + 1]
    if not before or not after or (before in CLEAR and after < "\u0300") or after in CLEAR:
        return True
    if _is_mark(after) or JOINED.match(after) or before == "\u200d":
        return False
    bare = next((char for char in reversed(text[max(at - 9, 0) : at]) if not _is_mark(char)), "")
    return not (bare.isalnum() and after.isalnum()) or bool(UNSPACED.match(before) or UNSPACED.match(after))


def _is_mark(char: str) -> bool:
    return char > "\u02ff" and unicodedata.category(char)[0] == "M"


def same_text(quoted: str, text: str) -> bool:
    r"""Say whether a quoted text is that of the document, white space (and `\\n`) aside."""
    return quoted == text or BLANKS.sub("", quoted) == BLANKS.sub("", text)


def weigh(record: Record, evidence: Counter[str]) -> None:
    """Add to `evidence` what a record's spans, as they stand in the data, say of the units that they count.

    Keys are `spans`, `misfits` (which do not fit as characters), `quoted` (of these, for which a text is
    quoted), and a unit and `changed` (spans that it would move), `misfit` (of these), `fit` (of the misfits,
    which fit so) and, for UTF-16, `both` (which fit either way).
    """
    text = record.text
    quotes = record.quotes or (None,) * len(record.spans)
    spans = [(*span[:2], quoted) for span, quoted in zip(record.spans, quotes, strict=True)]
    misfits = [not fits(text, *span) for span in spans]
    wrong = [quoted for quoted, misfit in zip(quotes, misfits, strict=True) if misfit]
    evidence["spans"] += len(spans)
    evidence["misfits"] += len(wrong)
    evidence["quoted"] += len(wrong) - wrong.count(None)
    for unit in UNITS if any(misfits) else ("utf-16",):
        if not spans or not changed_by(text, unit):
            continue
        for (start, end, quoted), misfit in zip(spans, misfits, strict=True):
            moved = to_characters(text, start, end, unit)
            if moved != (start, end):
                evidence[f"{unit} changed"] += 1
                evidence[f"{unit} misfit"] += misfit
                if misfit or unit == "utf-16":
                    evidence[f"{unit} {'fit' if misfit else 'both'}"] += fits(text, *moved, quoted)


def verdict(evidence: Counter[str]) -> tuple[str, str] | None:
    """Return the unit that spans are shown to count, and how; None where characters fit well enough."""
    best = max(UNITS, key=lambda unit: (evidence[f"{unit} fit"], -evidence[f"{unit} changed"]))
    changed, misfit, fit = (evidence[f"{best} {what}"] for what in ("changed", "misfit", "fit"))
    if not UNITS[best].where:
        changed = evidence["spans"]
    if not fit or fit < MOST_FIT * misfit or misfit < SYSTEMATIC * changed:
        return None
    all_fit, all_quoted = fit == misfit == changed, evidence["quoted"] == evidence["misfits"]
    if fit < (3 if not all_fit else 2 if not all_quoted else 1):
        return None
    rivals = [unit for unit in UNITS if unit != best and evidence[f"{unit} fit"] == fit]
    others = "".join(f" (or just as well in {UNITS[unit].name}: {unit})" for unit in rivals)
    return best, (
        f"of {changed:,} spans that would move, {changed - misfit:,} fit the text as they are, and {fit:,} "
        f"of the other {misfit:,} if counted in {UNITS[best].name}{others}"
    )


def undecided(evidence: Counter[str]) -> str | None:
    """Say where text beyond U+FFFF makes two readings differ, and nothing tells which is meant."""
    changed, misfit, fit, both = (evidence[f"utf-16 {what}"] for what in ("changed", "misfit", "fit", "both"))
    if not changed or not (both >= MOST_FIT * (changed - misfit) > 0 or fit):
        return None
    return (
        f"{changed:,} spans stand behind characters beyond U+FFFF, such as emoji, and nothing tells whether "
        f"they count characters or UTF-16 units ({changed - misfit:,} fit as characters, {fit + both:,} as "
        "UTF-16 units); they were taken for characters"
    )


def settle(record: Record, unit: str) -> Record:
    """Put a record's spans into characters, and make those faults that quote another text than they mark."""
    if not record.spans or not (unit in UNITS or record.quotes):
        return record
    text = record.text
    lines = record.lines or (record.source.line,) * len(record.spans)
    quotes = record.quotes or (None,) * len(record.spans)
    kept: list[tuple[Span, int]] = []
    faults = list(record.faults)
    for span, quoted, line in zip(record.spans, quotes, lines, strict=True):
        start, end = to_characters(text, span.start, span.end, unit)
        marked = text[start:end] if 0 <= start < end <= len(text) else None
        if quoted is None or marked is None or same_text(quoted, marked):
            kept.append((Span(start, end, span.label), line))
            continue
        likely = [
            other
            for other in (UNITS if unit not in UNITS else ())
            if changed_by(text, other) and fits(text, *to_characters(text, *span[:2], other), quoted)
        ]
        detail = f"the data says {quoted[:60]!r}, but characters {start}–{end} are {marked[:60]!r}"
        detail += f"; it fits with --offsets={' or '.join(likely)}" if likely else ""
        source = Source(record.source.path, line)
        faults.append(Fault("other-text", source, detail, Span(start, end, span.label)))
    spans, lines = zip(*kept, strict=True) if kept else ((), ())
    return record._replace(spans=spans, lines=lines if record.lines else (), quotes=(), faults=tuple(faults))
