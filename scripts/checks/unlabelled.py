"""Find names of a corpus where they are not labelled and nothing says why."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy

from scripts.checks.characters import QUOTES, is_unspaced
from scripts.checks.doc_view import First, TaggedShard, add_first, load_shard
from scripts.checks.stats import CorpusFinding, CorpusStats, cut
from scripts.corpus.pool import ordered_map
from scripts.corpus.shards import OUTSIDE, ShardError

LONGEST = 8
"""Tokens of the longest name that is looked for elsewhere."""
OFTEN = 3
"""So often must a name be labelled before its unlabelled occurrences count."""
VALUES = frozenset(["DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL", "NUMBER", "NUM"])
"""Labels of what is no name, and is annotated by its context: May, second, one."""
JOINING = frozenset("-‐‑–+@#")
"""Marks that make a longer name or another word of the name beside them."""
PATH = frozenset("/\\")
"""Marks behind which a name is a part of an address, a forum's name or a choice."""
WITHIN = frozenset((",", "&", "/", "(", ")", "[", "]", "%", "$", "+", "=", "#", "@", "'", "’"))
"""Marks behind which no sentence begins."""


def labelled_elsewhere(corpus: CorpusStats, workers: int) -> Iterator[CorpusFinding]:
    """Find names that are labelled at least twice as often as not, and the first place where they are not."""
    labelled: dict[tuple[int, str], int] = {}
    wanted: defaultdict[int, set[int]] = defaultdict(set)
    for (key, text), labels in corpus.labels_of_names.items():
        _, _, start, end = next(iter(labels.values()))
        often = sum(count for count, *_ in labels.values())
        is_value = all(label.upper() in VALUES for label in labels)
        if often >= OFTEN and end - start <= LONGEST and _is_telling(text) and not is_value:
            labelled[key, text] = often
            wanted[end - start].add(key)
    hashes = {n: numpy.array(sorted(keys), dtype=numpy.uint64) for n, keys in sorted(wanted.items())}
    unlabelled: dict[int, First] = {}
    parts = [
        (split, stats.paths[start:end], stats.starts[start])
        for split, stats in corpus.splits.items()
        for start, end in (cut(stats.paths) if hashes else ())
    ]
    results = ordered_map(_find_in_shards, ((paths, hashes) for _, paths, _ in parts), workers=workers)
    for (split, _, before), found in zip(parts, results, strict=True):
        for key, (count, document, *tokens) in found.items():
            add_first(unlabelled, key, (count, (split, before + document), *tokens))
    for (key, text), often in labelled.items():
        if key in unlabelled and often >= 2 * unlabelled[key][0]:
            count, (split, document), *tokens = unlabelled[key]
            detail = f"{text!r} is labelled in {often} places and not in {count}"
            yield CorpusFinding(split, detail, document, tuple(tokens), slug="labelled-elsewhere")


def _is_telling(name: str) -> bool:
    """Say whether a name is more than a number, half a compound or an abbreviation of two letters."""
    return sum(map(str.isalpha, name)) > (1 if is_unspaced(name[0]) else 2) and name[-1] not in JOINING


def _find_in_shards(paths: list[Path], hashes: dict[int, numpy.ndarray]) -> dict[int, First]:
    """Find names where no token is annotated, and nothing says why; documents count from the first here.

    hashes: by number of tokens, the sorted hashes of the names that have so many.
    """
    found: dict[int, First] = {}
    before = 0
    for path in paths:
        try:
            shard = load_shard(path)
        except ShardError:  # which is told already
            continue
        outside = numpy.concatenate(([0], numpy.cumsum(shard.iob == OUTSIDE)))
        for length, wanted in hashes.items():
            runs = shard.run_hashes(length)
            places = numpy.minimum(numpy.searchsorted(wanted, runs), len(wanted) - 1)
            is_unlabelled = outside[length:][: len(runs)] - outside[: len(runs)] == length
            hits = numpy.flatnonzero((wanted[places] == runs) & is_unlabelled)
            documents = numpy.searchsorted(shard.starts, hits, side="right") - 1
            for hit, index in zip(hits.tolist(), documents.tolist(), strict=True):
                start, end = shard.starts[index : index + 2]
                if hit + length <= end and not _has_reason(shard, index, hit, hit + length):
                    add_first(found, int(runs[hit]), (1, before + index, hit - start, hit - start + length))
        before += len(shard)
    return found


def _has_reason(shard: TaggedShard, index: int, first: int, last: int) -> bool:
    """Say whether tokens `first` to `last` of a shard, in its document `index`, may well be no entity.

    They touch an entity, a hyphen, a slash, a number or a capitalised word, and so are part of a longer name;
    they are one word, which has its capital from its place in the sentence; or single characters of a script
    without spaces, where they may be part of any word.
    """
    (start, end), iob, texts = shard.starts[index : index + 2], shard.iob, shard.texts
    if (first > start and iob[first - 1] != OUTSIDE) or (last < end and iob[last] != OUTSIDE):
        return True
    before, after = texts[first - 1] if first > start else "", texts[last] if last < end else ""
    if last == first + 1 and texts[first].istitle() and _begins_sentence(shard, start, first):
        return True
    if len(texts[first]) == 1 and is_unspaced(texts[first]):
        return is_unspaced(before[-1:]) or is_unspaced(after[:1])
    is_quoted = after in QUOTES and last + 1 < end  # a "Name" -compound, as in Finnish
    if (texts[last + 1] if is_quoted else after)[:1] in JOINING or after[:1].isdigit():
        return True
    if before in PATH or (before in JOINING and not shard.spaces[first - 1]):
        return True
    return any(
        word[:1].isupper() and len(word) > 1 and not _begins_sentence(shard, start, token)
        for word, token in ((before, first - 1), (after, last))
    )


def _begins_sentence(shard: TaggedShard, start: int, token: int) -> bool:
    """Say whether a sentence begins at a token of a document from `start`, by the data or a mark before."""
    if token == start or shard.sent_starts[token] == 1:
        return True
    before = shard.texts[token - 1]
    return before not in WITHIN and not any(map(str.isalnum, before))
