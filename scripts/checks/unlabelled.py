"""Find names of a corpus where they are not labelled and nothing says why."""

from collections.abc import Iterator
from pathlib import Path

import numpy

from scripts.checks.characters import QUOTES, is_unspaced
from scripts.checks.corpus_stats import CorpusFinding, CorpusStats
from scripts.checks.doc_view import Shard
from scripts.checks.shard_stats import First
from scripts.corpus.pool import ordered_map
from scripts.corpus.shards import OUTSIDE

LONGEST = 8
"""Tokens of the longest name that is looked for elsewhere."""
OFTEN = 3
"""So often must a name be labelled before its unlabelled occurrences count."""
SHARDS = 10
"""Shards that a process looks at in one go."""
VALUES = frozenset(["DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL", "NUMBER", "NUM"])
"""Labels of what is no name, and is annotated by its context: May, second, one."""
JOINING = frozenset("-‐‑–+@#")
"""Marks that make a longer name or another word of the name beside them."""
PATH = frozenset("/\\")
"""Marks behind which a name is a part of an address, a forum's name or a choice."""
WITHIN = frozenset((",", "&", "/", "(", ")", "[", "]", "%", "$", "+", "=", "#", "@", "'", "’"))
"""Marks behind which no sentence begins."""


def labelled_elsewhere(corpus: CorpusStats, workers: int) -> Iterator[CorpusFinding]:
    """Yield the names that are labelled at least twice as often as they are not, and where they first are not."""
    names: dict[tuple[int, str], int] = {}
    wanted: dict[int, list[int]] = {}
    for (key, text), counts in corpus.names.items():
        _, _, start, end = next(iter(counts.values()))
        labelled = sum(count for count, *_ in counts.values())
        is_value = all(label.upper() in VALUES for _, label in counts)
        if labelled >= OFTEN and end - start <= LONGEST and _is_telling(text) and not is_value:
            names[key, text] = labelled
            wanted.setdefault(end - start, []).append(key)
    hashes = {
        length: numpy.array(sorted(set(keys)), dtype=numpy.uint64) for length, keys in sorted(wanted.items())
    }
    unlabelled = _find_in_corpus(corpus, hashes, workers) if hashes else {}
    for (key, text), labelled in names.items():
        if key in unlabelled:
            split, (count, document, start, end) = unlabelled[key]
            if labelled >= max(OFTEN, 2 * count):
                detail = f"{text!r} is labelled in {labelled} places and not in {count}"
                yield CorpusFinding(split, detail, document, (start, end))


def _is_telling(name: str) -> bool:
    """Say whether a name is more than a number, half a compound or an abbreviation of two letters."""
    return sum(map(str.isalpha, name)) > (1 if is_unspaced(name[0]) else 2) and name[-1] not in JOINING


def _find_in_corpus(
    corpus: CorpusStats, hashes: dict[int, numpy.ndarray], workers: int
) -> dict[int, tuple[str, First]]:
    parts = [
        (split, stats, at)
        for split, stats in corpus.splits.items()
        for at in range(0, len(stats.paths), SHARDS)
    ]
    calls = ((stats.paths[at : at + SHARDS], stats.sizes[at : at + SHARDS], hashes) for _, stats, at in parts)
    found: dict[int, tuple[str, First]] = {}
    for (split, stats, at), hits in zip(
        parts, ordered_map(find_in_shards, calls, workers=workers), strict=True
    ):
        base = stats.ends[at - 1] if at else 0
        for key, (count, document, start, end) in hits.items():
            first_split, (known, *first) = found.get(key, (split, (0, base + document, start, end)))
            found[key] = first_split, (known + count, *first)
    return found


def find_in_shards(paths: list[Path], sizes: list[int], hashes: dict[int, numpy.ndarray]) -> dict[int, First]:
    """Look for names where no token is annotated as an entity, and nothing says why.

    sizes: how many documents each shard holds; 0: it cannot be read. hashes: of names, sorted, by number of tokens.
    Returns by hash how often it was found, and where first; documents are numbered in these shards.
    """
    found: dict[int, First] = {}
    base = 0
    for path, size in zip(paths, sizes, strict=True):
        if not size:
            continue
        shard = Shard(path)
        outside = numpy.concatenate(([0], numpy.cumsum(shard.iob == OUTSIDE)))
        for length, wanted in hashes.items():
            runs = shard.run_hashes(length)
            places = numpy.minimum(numpy.searchsorted(wanted, runs), len(wanted) - 1)
            unlabelled = outside[length:][: len(runs)] - outside[: len(runs)] == length
            hits = numpy.flatnonzero((wanted[places] == runs) & unlabelled)
            documents = numpy.searchsorted(shard.ends, hits, side="right")
            for hit, index in zip(hits.tolist(), documents.tolist(), strict=True):
                if hit + length <= shard.ends[index] and not _has_reason(shard, index, hit, hit + length):
                    start = hit - shard.starts[index]
                    count, *first = found.get(int(runs[hit]), (0, base + index, start, start + length))
                    found[int(runs[hit])] = (count + 1, *first)
        base += size
    return found


def _has_reason(shard: Shard, index: int, first: int, last: int) -> bool:
    """Say whether tokens `first` to `last` of a shard, in its document `index`, may well be no entity.

    They touch an entity, a hyphen, a slash, a number or a capitalised word, and so are part of a longer name; they
    are one word, which has its capital from its place in the sentence; or single characters among others of a
    script without spaces, where they may be part of any word.
    """
    start, end, iob, texts = shard.starts[index], shard.ends[index], shard.iob, shard.texts
    if (first > start and iob[first - 1] != OUTSIDE) or (last < end and iob[last] != OUTSIDE):
        return True
    before, after = texts[first - 1] if first > start else "", texts[last] if last < end else ""
    if last == first + 1 and texts[first].istitle() and _begins_sentence(shard, start, first):
        return True
    if len(texts[first]) == 1 and is_unspaced(texts[first]):
        return is_unspaced(before[-1:]) or is_unspaced(after[:1])
    is_quoted = after in QUOTES and last + 1 < end  # a "Name" -compound, as in Finnish
    beyond = texts[last + 1] if is_quoted else after
    if before in PATH or (before in JOINING and not shard.spaces[first - 1]):
        return True
    if beyond[:1] in JOINING or after[:1].isdigit():
        return True
    return any(
        word[:1].isupper() and len(word) > 1 and not _begins_sentence(shard, start, token)
        for word, token in ((before, first - 1), (after, last))
    )


def _begins_sentence(shard: Shard, start: int, token: int) -> bool:
    """Say whether a sentence begins at a token of a document from `start`: the data or a mark before it says so."""
    if token == start or shard.sent_starts[token] == 1:
        return True
    before = shard.texts[token - 1]
    return before not in WITHIN and not any(map(str.isalnum, before))
