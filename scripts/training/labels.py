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
    """Let each transition-based component know all labels of a batch, as `Parser.update` does; return what is
    new to which.

    A sourced component meets labels that it has not learned. spaCy adds them in the order of a set, which is
    another in each process unless PYTHONHASHSEED is set; here it is then that of the alphabet.
    """
    examples, added = list(examples), []
    is_random = os.environ.get("PYTHONHASHSEED", "random") == "random"
    for component in trainable(nlp, exclude):
        if isinstance(component, Parser):
            labels: set[str] = set()
            for doc in [example.x for example in examples] + [example.y for example in examples]:
                labels.update(component.moves.get_doc_labels(doc))
            for label in sorted(labels) if is_random else labels:
                if component.add_label(label):
                    added.append((component.name, label))
    return added
