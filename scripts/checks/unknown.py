"""Words of a corpus that a transformer's vocabulary or static vectors lack."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import srsly
from spacy.strings import get_string_id
from spacy.util import get_package_path, is_package

from scripts.checks.catalogue import BY_SLUG, Severity, declare
from scripts.checks.collected import Spot

MANY = {"transformer": 0.05, "vectors": 0.2}
"""Share of unknown tokens from which it is told; vectors lack many names of any text."""
MOST = 0.5

declare(
    "NER409",
    "unknown-words",
    Severity.warning,
    """The transformer, or the vectors, do not know many of the words.
    A word is unknown if a piece of it is the vocabulary's mark for the unknown (`[UNK]`), or if it has no vector.
    All unknown words look alike. Told from one in twenty words of a transformer, and one in five of vectors.""",
    remedy="choose a transformer (vars.transformer) or vectors of the text's language",
    bad="[components.transformer]\n\n❦/O is/O a/O leaf/O ./O *60",
    good="[components.transformer]\n\nShe/O saw/O a/O leaf/O ./O *60",
)
declare(
    "NER414",
    "unknown-script",
    Severity.error,
    """The transformer, or the vectors, do not know most of the words: they are of another language or script.
    What is pretrained then gives nothing but the places of words.""",
    remedy="choose a transformer (vars.transformer) or vectors that know the language",
    bad="[components.transformer]\n\n❦❦/O ❦❧/O ❧❦/O ❧❧/O *60",
    good="[components.transformer]\n\nShe/O saw/O a/O leaf/O ./O *60",
)

UNKNOWN_CHECKS = {slug: BY_SLUG[slug] for slug in ("unknown-words", "unknown-script")}


class Unknown(NamedTuple):
    """Tokens that were looked at, how many are unknown, and the first of these: document, number and text."""

    tokens: int = 0
    unknown: int = 0
    document: int = 0
    token: int = 0
    word: str = ""

    def plus(self, other: "Unknown", first: int = 0) -> "Unknown":
        """Add what was counted in later documents, of which `first` is the first."""
        place = self[2:] if self.unknown else (first + other.document, *other[3:])
        return Unknown(self.tokens + other.tokens, self.unknown + other.unknown, *place)


def unknown_spots(source: str, split: str, counts: Unknown) -> Iterator[tuple[str, Spot]]:
    """Yield check and place if too many words of a split are unknown to a source, `transformer` or `vectors`."""
    share = counts.unknown / max(1, counts.tokens)
    if share >= MANY[source]:
        figures = f"{100 * share:.0f} % ({counts.unknown:,} of {counts.tokens:,})"
        detail = f"{figures} of the words are unknown to the {source}, first {counts.word[:40]!r}"
        spot = Spot(split, detail, counts.document, (counts.token, counts.token + 1))
        yield "unknown-script" if share >= MOST else "unknown-words", spot


def without_vector(words: list[str], keys: frozenset[int]) -> Unknown:
    """Count the words, punctuation aside, that have no vector."""
    tokens = [i for i, word in enumerate(words) if any(map(str.isalnum, word))]
    unknown = [i for i in tokens if get_string_id(words[i]) not in keys]
    first = unknown[0] if unknown else 0
    return Unknown(len(tokens), len(unknown), 0, first, words[first] if unknown else "")


def vector_keys(config: dict[str, Any]) -> frozenset[int]:
    """Return the hashes of the words that a config's vectors have.

    Nothing where it has no vectors, or those of parts of words (floret), which know every word.
    """
    name = config["initialize"]["vectors"]
    return _keys(str(name)) if name else frozenset()


@lru_cache(maxsize=4)
def _keys(name: str) -> frozenset[int]:
    folder = get_package_path(name) if is_package(name) else Path(name)
    path = next(folder.rglob("vocab/key2row"), None) if folder.is_dir() else None
    return frozenset(srsly.read_msgpack(path)) if path else frozenset()
