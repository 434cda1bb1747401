"""Configs that people train with, each one small config but for what is special to it."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy
import spacy
from confection import Config
from spacy.cli.train import train as spacy_train
from spacy.kb import InMemoryLookupKB
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from tests.tiny import make_transformer

WIDTH = 16
NAMES = {
    "PERSON": (("Ana", "Bell"), ("Bo",), ("Cy", "Dee"), ("Flo",)),
    "LOC": (("Cork",), ("New", "York"), ("Bonn",)),
    "ORG": (("Acme",), ("Big", "Boats")),
}
VERBS = {"went": "to", "works": "in", "called": "from"}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH}
ENCODE = {
    "@architectures": "spacy.MaxoutWindowEncoder.v2",
    "width": WIDTH,
    "depth": 1,
    "window_size": 1,
    "maxout_pieces": 2,
}
EMBED = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": WIDTH,
    "attrs": ["NORM", "SHAPE"],
    "rows": [200, 100],
    "include_static_vectors": False,
}
TOK2VEC = {"@architectures": "spacy.Tok2Vec.v2", "embed": EMBED, "encode": ENCODE}
TAGGER = {"@architectures": "spacy.Tagger.v2", "nO": None, "normalize": False, "tok2vec": LISTENER}
READER = {
    "@readers": "spacy.Corpus.v1",
    "max_length": 0,
    "limit": 0,
    "gold_preproc": False,
    "augmenter": None,
}
CODE = Path(__file__).with_name("any_config_code.py")

Special = Callable[[Config, Path], None]
VARIATIONS: dict[str, Special] = {}
"""What is special to each config, by its name: a function of the config and of the folder of `prepare`."""


def variation(function: Special) -> Special:
    """Enter a variation by its function's name."""
    VARIATIONS[function.__name__] = function
    return function


def _sentence(draw: random.Random, labels: list[str]) -> list[tuple]:
    """Words with tag, dependency, head (from the sentence's start) and entity tag: Ana Bell went to Cork ."""
    verb, preposition = draw.choice(list(VERBS.items()))
    subject, place = (draw.choice(labels) for _ in range(2))
    first, second = draw.choice(NAMES[subject]), draw.choice(NAMES[place])
    at = len(first)

    def name(words: tuple, label: str, start: int, head: int, dep: str) -> list[tuple]:
        last = start + len(words) - 1
        tags = ["B-" + label, *["I-" + label] * (len(words) - 1)]
        rows = [(word, "NNP", "compound", last, tag) for word, tag in zip(words, tags, strict=True)]
        return [*rows[:-1], (words[-1], "NNP", dep, head, tags[-1])]

    return [
        *name(first, subject, 0, at, "nsubj"),
        (verb, "VBD", "ROOT", at, "O"),
        (preposition, "IN", "prep", at, "O"),
        *name(second, place, at + 2, at + 1, "pobj"),
        (".", ".", "punct", at, "O"),
    ]


def make_document(nlp: Language, draw: random.Random, labels: list[str], *, linked: bool = False) -> Doc:
    """A document of some sentences, annotated in every way; linked: with the knowledge base's entities."""
    words, tags, deps, heads, ents, starts = [], [], [], [], [], []
    for _ in range(draw.randint(1, 4)):
        rows, base = _sentence(draw, labels), len(words)
        for i, (word, tag, dep, head, ent) in enumerate(rows):
            for values, value in zip(
                (words, tags, deps, heads, ents, starts),
                (word, tag, dep, base + head, ent, i == 0),
                strict=True,
            ):
                values.append(value)
    pos = [{"NNP": "PROPN", "VBD": "VERB", "IN": "ADP", ".": "PUNCT"}[tag] for tag in tags]
    spaces = [following != "." for following in words[1:]] + [False]
    doc = Doc(
        nlp.vocab,
        words=words,
        spaces=spaces,
        tags=tags,
        pos=pos,
        morphs=["Tense=Past" if tag == "VBD" else "" for tag in tags],
        lemmas=[word.lower() for word in words],
        heads=heads,
        deps=deps,
        ents=ents,
    )
    if linked:
        doc.ents = [Span(doc, ent.start, ent.end, ent.label_, kb_id=f"Q{ent.label_}") for ent in doc.ents]
    travels = float("went" in words)
    doc.cats = {"TRAVEL": travels, "OTHER": 1.0 - travels}
    doc.spans["sc"] = SpanGroup(doc, spans=[Span(doc, ent.start, ent.end, ent.label_) for ent in doc.ents])
    doc.spans["wrong"] = SpanGroup(doc, spans=[Span(doc, 0, 1, "ORG")] if ents[0] != "B-ORG" else [])
    return doc


def write_docs(path: Path, count: int, *, seed: int, labels: tuple = (*NAMES,), linked: bool = False) -> None:
    """Write documents to one DocBin."""
    nlp, draw = spacy.blank("en"), random.Random(seed)
    docs = [make_document(nlp, draw, list(labels), linked=linked) for _ in range(count)]
    DocBin(docs=docs, store_user_data=True).to_disk(path)


def prepare(folder: Path) -> Path:
    """Write what variations need: documents, pipelines, vectors, a transformer, known entities."""
    folder.mkdir(parents=True, exist_ok=True)
    write_docs(folder / "train.spacy", 40, seed=0)
    write_docs(folder / "dev.spacy", 10, seed=1)
    write_docs(folder / "two.spacy", 30, seed=2, labels=("PERSON", "LOC"))
    write_docs(folder / "one.spacy", 30, seed=3, labels=("PERSON",))
    write_docs(folder / "linked.spacy", 20, seed=4, linked=True)
    make_transformer("bert", folder)
    nlp = spacy.blank("en")
    draw = numpy.random.default_rng(0)
    for word in (*(word for names in NAMES.values() for name in names for word in name), *VERBS):
        nlp.vocab.set_vector(word, draw.normal(size=8).astype("float32"))
    nlp.to_disk(folder / "vectors")
    kb = InMemoryLookupKB(nlp.vocab, entity_vector_length=8)
    kb.set_entities([f"Q{label}" for label in NAMES], [10] * 3, draw.normal(size=(3, 8)).tolist())
    for label, names in NAMES.items():
        for name in names:
            kb.add_alias(" ".join(name), [f"Q{label}", "QORG" if label != "ORG" else "QLOC"], [0.6, 0.3])
    kb.to_disk(folder / "kb")
    for name, docs in (("first", "two"), ("narrow", "one")):
        _train_first(folder, name, docs, "tok2vec")
    _train_first(folder, "first-transformer", "two", "transformer")
    return folder


def _train_first(folder: Path, name: str, docs: str, upstream: str) -> None:
    """Train a pipeline that others are sourced from."""
    config = base(folder)
    config["corpora"]["train"]["path"] = (folder / f"{docs}.spacy").as_posix()
    add(config, "tagger", TAGGER)
    if upstream == "transformer":
        listen_to_transformer(config, folder)
    config["training"]["max_steps"] = 4
    spacy_train(write(config, folder / f"{name}.cfg"), folder / name)


def base(folder: Path) -> Config:
    """A tok2vec and an entity recogniser that listens to it, for twelve steps."""
    corpora = {split: READER | {"path": (folder / f"{split}.spacy").as_posix()} for split in ("train", "dev")}
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 12,
        "maxout_pieces": 2,
        "use_upper": True,
        "nO": None,
        "tok2vec": LISTENER,
    }
    training = {
        "train_corpus": "corpora.train",
        "dev_corpus": "corpora.dev",
        "seed": "${system.seed}",
        "gpu_allocator": "${system.gpu_allocator}",
        "max_steps": 12,
        "eval_frequency": 4,
        "patience": 0,
        "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.005},
        "batcher": {
            "@batchers": "spacy.batch_by_words.v1",
            "size": 60,
            "tolerance": 0.2,
            "discard_oversize": False,
        },
        "score_weights": {"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0},
    }
    config = {
        "system": {"seed": 7, "gpu_allocator": None},
        "nlp": {"lang": "en", "pipeline": ["tok2vec", "ner"], "batch_size": 4},
        "components": {
            "tok2vec": {"factory": "tok2vec", "model": TOK2VEC},
            "ner": {"factory": "ner", "model": parser},
        },
        "corpora": corpora,
        "training": training,
        "initialize": {"components": {}},
    }
    return Config(config).copy()


def add(config: Config, factory: str, model: dict | None, *, name="", first: bool = False, **own) -> None:
    """Put another component into a pipeline: before ner, or first."""
    block = {"factory": factory} | own | ({"model": model} if model else {})
    config["components"][name or factory] = Config(block).copy()
    pipeline = config["nlp"]["pipeline"]
    pipeline.insert(0 if first else pipeline.index("ner"), name or factory)


def score(config: Config, **weights: float | None) -> None:
    """Weigh other scores too."""
    config["training"]["score_weights"] |= weights


def listen_to_transformer(config: Config, folder: Path) -> None:
    """Let all that listens to tok2vec listen to a transformer."""
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": (folder / "bert").as_posix(),
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 16, "stride": 12},
        "tokenizer_config": {"use_fast": True},
        "transformer_config": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    }
    config["components"]["transformer"] = {"factory": "transformer", "model": model}
    del config["components"]["tok2vec"]
    config["nlp"]["pipeline"] = ["transformer", *config["nlp"]["pipeline"][1:]]
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0}
    for block in config["components"].values():
        model = block.get("model", {})
        if model.get("tok2vec", {}).get("@architectures") == LISTENER["@architectures"]:
            model["tok2vec"] = listener | {"pooling": {"@layers": "reduce_mean.v1"}}
            model |= {"use_upper": False} if "use_upper" in model else {}


def write(config: Config, path: Path) -> Path:
    """Write a config as it is; spaCy fills the rest in."""
    config.to_disk(path)
    return path


def make(name: str, folder: Path, path: Path) -> tuple[Path, Path | None]:
    """Write a variation's config; return its path, and that of the code that it names."""
    from tests.training import any_config_pipelines, any_config_training  # noqa: F401

    config = base(folder)
    VARIATIONS[name](config, folder)
    return write(config, path), CODE if "tests.training.any_config" in config.to_str(
        interpolate=False
    ) else None
