"""In which units a file's offsets count: characters, as they should, or what other tools count; and what they quote."""

import re
import string
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from math import comb

from scripts.formats.record import Fault, Record, Source, Span


class Offsets(StrEnum):
    """What offsets count; `auto`: characters, unless the file itself shows that it counts otherwise, which is an error."""

    auto = "auto"
    characters = "characters"
    utf16 = "utf-16"
    bytes = "bytes"
    crlf_as_one = "crlf-as-one"
    lf_as_two = "lf-as-two"
    inclusive = "inclusive"
    from_one = "from-1"
    from_one_inclusive = "from-1-inclusive"


NAMES = {
    Offsets.utf16: "UTF-16 units (a JavaScript or Java tool?)",
    Offsets.bytes: "UTF-8 bytes",
    Offsets.crlf_as_one: "characters with each line end (CR LF) as one",
    Offsets.lf_as_two: "characters with each line end (LF) as two, CR LF",
    Offsets.inclusive: "characters with an inclusive end",
    Offsets.from_one: "characters from 1 on",
    Offsets.from_one_inclusive: "characters from 1 on with an inclusive end",
}
WIDTHS: dict[Offsets, Callable[[str], list[int]]] = {
    Offsets.utf16: lambda text: [2 if char > "\uffff" else 1 for char in text],
    Offsets.bytes: lambda text: [len(char.encode("utf-8", "surrogatepass")) for char in text],
    Offsets.crlf_as_one: lambda text: [
        0 if one + two == "\r\n" else 1 for one, two in zip(text, text[1:] + " ", strict=True)
    ],
    Offsets.lf_as_two: lambda text: [
        2 if char == "\n" and before != "\r" else 1 for before, char in zip(" " + text, text, strict=False)
    ],
}
"""How many units each character of a text counts."""
SHIFTS = {Offsets.inclusive: (0, 1), Offsets.from_one: (-1, -1), Offsets.from_one_inclusive: (-1, 0)}
"""What is to be added to start and end."""
MOST_FIT, SYSTEMATIC, UNLIKELY = 0.8, 0.3, 1e-3
"""Units are believed where 30 % of the spans that they move do not fit as characters, 80 % of these fit then, and this is no chance."""
NOISE, BY_CHANCE = 0.05, 0.3
"""So many spans are wrong in a file of which nothing is known, and so many of these fit some other unit."""
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts that write no space between words: a name may begin and end anywhere."""
MARKS = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]")
"""What joins emoji, or changes the one before it."""
ASTRAL = re.compile("[\U00010000-\U0010ffff]")
CLEAR = frozenset(["", *string.punctuation, *" \n\t“”‘’„«»–—…"])
"""What may stand beside a word that begins or ends there beyond doubt."""
BLANKS = re.compile(r"\s|\\[nrt]")


def to_characters(text: str, start: int, end: int, unit: Offsets) -> tuple[int, int]:
    """Turn offsets in some unit into characters; an offset inside a character or beyond the text becomes −1."""
    if unit in SHIFTS:
        before, after = SHIFTS[unit]
        return start + before, end + after
    if unit not in WIDTHS:
        return start, end
    edges = _edges(text, unit)
    found = []
    for offset in (start, end):
        at = bisect_left(edges, offset)
        found.append(at if at < len(edges) and edges[at] == offset else -1)
    return found[0], found[1]


@lru_cache(maxsize=16)
def _edges(text: str, unit: Offsets) -> list[int]:
    """Return how many units stand before each character of a text, and in all of it."""
    return list(accumulate(WIDTHS[unit](text), initial=0))


def changed_by(text: str, unit: Offsets) -> bool:
    """Say whether a unit counts a text otherwise than characters do."""
    if unit is Offsets.utf16:
        return not text.isascii() and ASTRAL.search(text) is not None
    if unit is Offsets.bytes:
        return not text.isascii()
    if unit is Offsets.crlf_as_one:
        return "\r\n" in text
    if unit is Offsets.lf_as_two:
        return "\n" in text.replace("\r\n", "")
    return True


def fits(text: str, start: int, end: int, quoted: str | None) -> bool:
    """Say whether a stretch of text is what is quoted, or, where nothing is, begins and ends where words do."""
    if not 0 <= start < end <= len(text):
        return False
    if quoted is not None:
        marked = text[start:end]
        return quoted == marked or (marked == marked.strip() and same_text(quoted, marked))
    if text[start].isspace() or text[end - 1].isspace():
        return False
    if text[start - 1 : start] in CLEAR and text[end : end + 1] in CLEAR and text[start] < "\u0300":
        return True
    return _is_edge(text, start) and _is_edge(text, end)


def _is_edge(text: str, at: int) -> bool:
    if at in (0, len(text)):
        return True
    if text[at] > "\u02ff" and (
        unicodedata.category(text[at])[0] == "M" or MARKS.match(text[at]) or text[at - 1] == "\u200d"
    ):
        return False
    before = at - 1
    while before and text[before] > "\u02ff" and unicodedata.category(text[before])[0] == "M":
        before -= 1
    if not (text[before].isalnum() and text[at].isalnum()):
        return True
    return bool(UNSPACED.match(text[at - 1]) or UNSPACED.match(text[at]))


def same_text(quoted: str, text: str) -> bool:
    r"""Say whether a quoted text is that of the document, white space aside (also where it is written `\\n`)."""
    return quoted == text or BLANKS.sub("", quoted) == BLANKS.sub("", text)


def weigh(record: Record, evidence: Counter[str]) -> None:
    """Add to `evidence` what a record's spans, as they stand in the data, say of the units that they are counted in.

    Keys are `spans`, `misfits` (which do not fit as characters), `quoted` (of these, for which a text is quoted), and a unit and
    `changed` (spans that it would move), `misfit` (of these), `fit` (of the misfits, which fit so) and, for UTF-16, `both` (which fit
    either way).
    """
    text = record.text
    if not record.quotes and not changed_by(text, Offsets.utf16):
        length = len(text)
        clear = [
            0 <= start < end <= length
            and text[start - 1 : start] in CLEAR
            and text[end : end + 1] in CLEAR
            and text[start].isalnum()
            and not text[end - 1].isspace()
            for start, end, _ in record.spans
        ]
        if all(clear):
            evidence["spans"] += len(clear)
            return
    quotes = record.quotes or (None,) * len(record.spans)
    misfits = [
        not fits(text, span.start, span.end, quoted)
        for span, quoted in zip(record.spans, quotes, strict=True)
    ]
    evidence["spans"] += len(misfits)
    if not any(misfits) and not changed_by(text, Offsets.utf16):
        return
    evidence["misfits"] += sum(misfits)
    evidence["quoted"] += sum(
        misfit and quoted is not None for misfit, quoted in zip(misfits, quotes, strict=True)
    )
    units = [unit for unit in NAMES if (unit is Offsets.utf16 or any(misfits)) and changed_by(text, unit)]
    for span, quoted, misfit in zip(record.spans, quotes, misfits, strict=True) if units else ():
        for unit in units:
            start, end = to_characters(text, span.start, span.end, unit)
            if (start, end) == (span.start, span.end):
                continue
            evidence[f"{unit} changed"] += 1
            evidence[f"{unit} misfit"] += misfit
            if misfit or unit is Offsets.utf16:
                evidence[f"{unit} {'fit' if misfit else 'both'}"] += fits(text, start, end, quoted)


def verdict(evidence: Counter[str]) -> tuple[Offsets, str] | None:
    """Return the unit that spans are shown to be counted in, and how; None where characters fit well enough."""
    best = max(NAMES, key=lambda unit: (evidence[f"{unit} fit"], -evidence[f"{unit} changed"]))
    changed, misfit, fit = (evidence[f"{best} {what}"] for what in ("changed", "misfit", "fit"))
    if best in SHIFTS:
        changed = evidence["spans"]
    if not fit or fit < MOST_FIT * misfit or misfit < SYSTEMATIC * changed:
        return None
    all_quoted = evidence["quoted"] == evidence["misfits"] and fit == misfit == changed
    if (
        not all_quoted
        and _chance(fit, changed, evidence["misfits"] - misfit, evidence["spans"] - changed) > UNLIKELY
    ):
        return None
    rivals = [unit for unit in NAMES if unit is not best and evidence[f"{unit} fit"] == fit]
    return best, (
        f"of {changed:,} spans that would move, {changed - misfit:,} fit the text as they are, and {fit:,} of the other {misfit:,} "
        f"if counted in {NAMES[best]}"
        + "".join(f" (or just as well in {NAMES[unit]}: {unit})" for unit in rivals)
    )


def _chance(fit: int, changed: int, wrong_elsewhere: int, elsewhere: int) -> float:
    """Return how likely so many of the spans that a unit moves are wrong and fit it, if spans are wrong there as often as elsewhere.

    The tail of a binomial distribution; of a file that tells little about its noise, NOISE is believed as if 20 spans had shown it.
    """
    chance = min(1.0, (wrong_elsewhere + 20 * NOISE) / (elsewhere + 20)) * BY_CHANCE
    if fit > 20:
        return 0.0 if chance * changed < fit / 2 else 1.0
    return sum(
        comb(changed, k) * chance**k * (1 - chance) ** (changed - k)
        for k in range(fit, min(changed, fit + 60) + 1)
    )


def undecided(evidence: Counter[str]) -> str | None:
    """Say where text beyond U+FFFF makes two readings differ and nothing tells which is meant; None where there is no doubt."""
    changed, misfit, fit, both = (
        evidence[f"{Offsets.utf16} {what}"] for what in ("changed", "misfit", "fit", "both")
    )
    if changed and (both >= MOST_FIT * (changed - misfit) > 0 or fit):
        return (
            f"{changed:,} spans stand behind characters beyond U+FFFF, such as emoji, and nothing tells whether they count characters or "
            f"UTF-16 units ({changed - misfit:,} fit as characters, {fit + both:,} as UTF-16 units); they were taken for characters"
        )
    return None


def likely_units(text: str, span: Span, quoted: str) -> list[Offsets]:
    """Return the units in which a span marks the text that is quoted for it."""
    return [
        unit
        for unit in NAMES
        if changed_by(text, unit) and fits(text, *to_characters(text, *span[:2], unit), quoted)
    ]


def settle(record: Record, unit: Offsets) -> Record:
    """Put a record's spans into characters, and make those faults that quote another text than they mark."""
    counted = unit not in (Offsets.auto, Offsets.characters)
    if not record.spans or not (counted or record.quotes):
        return record
    lines = record.lines or (record.source.line,) * len(record.spans)
    quotes = record.quotes or (None,) * len(record.spans)
    kept: list[tuple[Span, int]] = []
    faults = list(record.faults)
    for span, quoted, line in zip(record.spans, quotes, lines, strict=True):
        start, end = to_characters(record.text, span.start, span.end, unit) if counted else span[:2]
        placed = Span(start, end, span.label)
        if (
            quoted is not None
            and 0 <= start < end <= len(record.text)
            and not same_text(quoted, record.text[start:end])
        ):
            detail = f"the data says {quoted[:60]!r}, but characters {start}–{end} are {record.text[start:end][:60]!r}"
            likely = [] if counted else likely_units(record.text, span, quoted)
            detail += f"; it fits with --offsets={' or '.join(likely)}" if likely else ""
            faults.append(Fault("other-text", Source(record.source.path, line), detail, placed, quoted))
        else:
            kept.append((placed, line))
    return record._replace(
        spans=tuple(span for span, _ in kept),
        lines=tuple(line for _, line in kept) if record.lines else (),
        quotes=(),
        faults=tuple(faults),
    )
