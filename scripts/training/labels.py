"""Labels that a component meets in training and has not learned, as a sourced one does."""

import os
from collections.abc import Iterable, Iterator

from spacy.language import Language
from spacy.pipeline.transition_parser import Parser
from spacy.training import Example

from scripts.training.parameters import trainable


def parser_labels(
    nlp: Language, examples: list[Example], exclude: Iterable[str] = ()
) -> Iterator[tuple[Parser, Iterable[str]]]:
    """Yield the transition-based components that learn, each with the labels of a batch.

    `Parser.update` adds them in the order of a set, another in each process unless PYTHONHASHSEED is set;
    here it is then that of the alphabet.
    """
    is_random = os.environ.get("PYTHONHASHSEED", "random") == "random"
    for component in trainable(nlp, exclude):
        if isinstance(component, Parser):
            labels: set[str] = set()
            for doc in [example.x for example in examples] + [example.y for example in examples]:
                labels.update(component.moves.get_doc_labels(doc))
            yield component, sorted(labels) if is_random else labels
