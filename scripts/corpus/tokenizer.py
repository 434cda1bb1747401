"""A language's tokeniser, without the rest of a pipeline."""

import spacy
from spacy.tokenizer import Tokenizer

from scripts.cli import UserError

CACHE = 100_000
"""Distinct strings whose tokens are remembered; spaCy's default is 10,000."""
MAX_STRINGS = 200_000
"""A tokeniser whose vocabulary has grown beyond this is replaced by a new one: it holds about 100 MB."""
_tokenizers: dict[str, Tokenizer] = {}


def load_tokenizer(lang: str) -> Tokenizer:
    """Make a language's tokeniser. Raises UserError where spaCy has none, or a package for it is missing."""
    try:
        tokenizer = spacy.blank(lang).tokenizer
    except ImportError as error:
        why = f"spaCy cannot set up its tokeniser ({str(error).splitlines()[0]})"
        raise UserError(f"language {lang!r}: {why}; see vars.lang") from None
    tokenizer.max_cache_size = CACHE  # to a language's own tokeniser that means nothing
    return tokenizer


def cached_tokenizer(lang: str) -> Tokenizer:
    """Return this process's tokeniser of a language, a new one where the vocabulary has grown large."""
    if lang not in _tokenizers or len(_tokenizers[lang].vocab.strings) > MAX_STRINGS:
        _tokenizers[lang] = load_tokenizer(lang)
    return _tokenizers[lang]
