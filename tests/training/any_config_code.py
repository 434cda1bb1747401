"""What some configs name: the file that `--code` imports."""

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example


@spacy.registry.readers("tests.training.any_config.drawn.v1")
def drawn(path: Path) -> Callable[[Language], Iterator[Example]]:
    """Read some of the documents: others each time."""

    def read(nlp: Language) -> Iterator[Example]:
        for doc in DocBin().from_disk(path).get_docs(nlp.vocab):
            if random.random() < 0.7:
                yield Example(nlp.make_doc(doc.text), doc)

    return read


@spacy.registry.loggers("tests.training.any_config.counter.v1")
def counter(path: Path) -> Callable:
    """Write a line for each step that was evaluated."""

    def setup(nlp: Language, stdout, stderr) -> tuple[Callable, Callable]:
        Path(path).write_text("", encoding="utf-8")

        def log(info: dict | None) -> None:
            if info is not None:
                with Path(path).open("a", encoding="utf-8") as file:
                    file.write(f"{info['step']} {info['epoch']} {info['words']} {sorted(info['losses'])}\n")

        def finalize() -> None:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write("end\n")

        return log, finalize

    return setup


@spacy.registry.callbacks("tests.training.any_config.before_update.v1")
def before_update() -> Callable[[Language, dict], None]:
    """Change the shared generator's state at each step, as a callback may."""

    def callback(nlp: Language, args: dict) -> None:
        random.seed(args["step"] * 7 + args["epoch"])

    return callback


@spacy.registry.callbacks("tests.training.any_config.before_to_disk.v1")
def before_to_disk() -> Callable[[Language], Language]:
    """Save a note with the pipeline."""

    def callback(nlp: Language) -> Language:
        nlp.meta["description"] = "as saved"
        return nlp

    return callback


@spacy.registry.callbacks("tests.training.any_config.after_init.v1")
def after_init() -> Callable[[Language], Language]:
    """Change a setting once the pipeline is initialised."""

    def callback(nlp: Language) -> Language:
        nlp.get_pipe("ner").cfg["update_with_oracle_cut_size"] = 7
        return nlp

    return callback


@spacy.registry.batchers("tests.training.any_config.pairs.v1")
def pairs() -> Callable[[Iterable], Iterator[list]]:
    """Make batches of two, and a last one of what is left."""

    def batch(items: Iterable) -> Iterator[list]:
        items = list(items)
        yield from (items[i : i + 2] for i in range(0, len(items), 2))

    return batch


@spacy.registry.architectures("tests.training.any_config.Tok2Vec.v1")
def own_tok2vec(width: int, rows: int):
    """Embed and encode in an own way."""
    from spacy.ml.models import MaxoutWindowEncoder, MultiHashEmbed, build_Tok2Vec_model

    embed = MultiHashEmbed(width, ["ORTH"], [rows], False)
    return build_Tok2Vec_model(embed, MaxoutWindowEncoder(width, 1, 2, 1))


@Language.factory("tests_any_config_counter", assigns=["doc.user_data"], default_config={})
def make_counter(nlp: Language, name: str):
    """Make a component without a model."""
    return count_names


def count_names(doc):
    """Count what begins with a capital letter."""
    doc.user_data["names"] = sum(token.is_title for token in doc)
    return doc
