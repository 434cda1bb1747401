"""A language's tokeniser, without the rest of a pipeline."""

from types import SimpleNamespace

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.util import get_lang_class, registry
from spacy.vocab import create_vocab

from scripts.command import UserError


def load_tokenizer(lang: str) -> Tokenizer:
    """Make the tokeniser that `spacy.blank(lang)` would have.

    `spacy.blank` looks up components, and so imports every installed plugin, transformers among them: 9.1 s instead
    of 3.3 s from start to first token on two cores.
    Raises UserError where spaCy has no such language or a package for it is missing.
    """
    try:
        language = get_lang_class(lang)
        config = Language.default_config.merge(language.default_config)["nlp"]["tokenizer"]
        create = registry.resolve({"tokenizer": config})["tokenizer"]
        return create(SimpleNamespace(lang=lang, vocab=create_vocab(lang, language.Defaults), Defaults=language.Defaults))
    except ImportError as error:
        raise UserError(f"language {lang!r}: spaCy cannot set up its tokeniser ({str(error).splitlines()[0]}); see vars.lang") from None
