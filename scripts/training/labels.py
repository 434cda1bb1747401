"""Labels that a component meets in training and has not learned, as a sourced one does."""

import os
from collections.abc import Iterable

from spacy.language import Language
from spacy.pipeline.transition_parser import Parser
from spacy.training import Example

from scripts.training.parameters import trainable


def knows_labels(nlp: Language, examples: Iterable[Example], exclude: Iterable[str] = ()) -> bool:
    """Say whether `add_labels` would find nothing new."""
    docs = [doc for example in examples for doc in (example.x, example.y)]
    parsers = [component for component in trainable(nlp, exclude) if isinstance(component, Parser)]
    return all(set().union(*map(parser.moves.get_doc_labels, docs)) <= {*parser.labels} for parser in parsers)


def add_labels(
    nlp: Language, examples: Iterable[Example], exclude: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Let each transition-based component know a batch's labels; return what is new to which.

    `Parser.update` adds them in the order of a set, another in each process unless PYTHONHASHSEED is set;
    here it is then that of the alphabet.
    """
    examples, added = list(examples), []
    is_random = os.environ.get("PYTHONHASHSEED", "random") == "random"
    for component in trainable(nlp, exclude):
        if isinstance(component, Parser):
            labels: set[str] = set()
            for doc in [example.x for example in examples] + [example.y for example in examples]:
                labels.update(component.moves.get_doc_labels(doc))
            order = sorted(labels) if is_random else labels
            added += [(component.name, label) for label in order if component.add_label(label)]
    return added
