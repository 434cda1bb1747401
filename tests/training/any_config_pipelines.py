"""Configs whose pipelines are special: sourced, frozen and annotating components, others beside the ner."""

from pathlib import Path

from confection import Config

from tests.training.any_config import (
    EMBED,
    LISTENER,
    TAGGER,
    TOK2VEC,
    WIDTH,
    add,
    listen_to_transformer,
    score,
    variation,
)

LINEAR = {"@architectures": "spacy.TextCatReduce.v1", "exclusive_classes": True, "use_reduce_mean": True}
LINEAR |= {
    "use_reduce_first": False,
    "use_reduce_last": False,
    "use_reduce_max": False,
    "nO": None,
    "tok2vec": LISTENER,
}
SPANCAT = {
    "@architectures": "spacy.SpanCategorizer.v1",
    "reducer": {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": 8},
    "scorer": {"@layers": "spacy.LinearLogistic.v1", "nO": None, "nI": None},
    "tok2vec": LISTENER,
}


def parser_model(**settings) -> dict:
    """The model of a dependency parser."""
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "parser", "nO": None}
    sizes = {"extra_state_tokens": False, "hidden_width": 12, "maxout_pieces": 2, "use_upper": True}
    return model | sizes | {"tok2vec": LISTENER} | settings


@variation
def annotating_tagger_with_shared_tok2vec(config: Config, folder: Path) -> None:
    add(config, "tagger", TAGGER)
    config["training"]["annotating_components"] = ["tagger"]
    score(config, tag_acc=0.5)


@variation
def annotating_tok2vec_and_ner(config: Config, folder: Path) -> None:
    config["training"]["annotating_components"] = ["tok2vec", "ner"]


@variation
def annotating_sentencizer(config: Config, folder: Path) -> None:
    add(config, "sentencizer", None, first=True)
    config["training"]["annotating_components"] = ["sentencizer"]
    score(config, sents_f=0.0)


def source(config: Config, pipeline: Path, *names: str) -> None:
    for name in names:
        config["components"][name] = {"source": pipeline.as_posix()}


@variation
def sourced_ner_with_one_new_label(config: Config, folder: Path) -> None:
    source(config, folder / "first" / "model-last", "tok2vec", "ner")


@variation
def sourced_ner_with_two_new_labels(config: Config, folder: Path) -> None:
    source(config, folder / "narrow" / "model-last", "tok2vec", "ner")


@variation
def sourced_ner_with_frozen_tok2vec(config: Config, folder: Path) -> None:
    source(config, folder / "first" / "model-last", "tok2vec", "ner")
    config["training"]["frozen_components"] = ["tok2vec"]
    config["training"]["annotating_components"] = ["tok2vec"]


@variation
def sourced_ner_with_its_own_copy_of_tok2vec(config: Config, folder: Path) -> None:
    """As explosion's ner_demo_update: all frozen but ner, which no longer listens."""
    pipeline = (folder / "first" / "model-last").as_posix()
    source(config, folder / "first" / "model-last", "tok2vec", "tagger")
    config["components"]["ner"] = {"source": pipeline, "replace_listeners": ["model.tok2vec"]}
    config["nlp"]["pipeline"] = ["tok2vec", "tagger", "ner"]
    config["training"]["frozen_components"] = ["tok2vec", "tagger"]
    config["initialize"]["before_init"] = {
        "@callbacks": "spacy.copy_from_base_model.v1",
        "tokenizer": pipeline,
        "vocab": pipeline,
    }


@variation
def sourced_tagger_frozen_beside_a_new_ner(config: Config, folder: Path) -> None:
    pipeline = (folder / "first" / "model-last").as_posix()
    add(config, "tagger", None)
    config["components"]["tagger"] = {"source": pipeline, "replace_listeners": ["model.tok2vec"]}
    config["training"]["frozen_components"] = ["tagger"]


@variation
def transformer(config: Config, folder: Path) -> None:
    listen_to_transformer(config, folder)


@variation
def transformer_with_tagger_and_textcat(config: Config, folder: Path) -> None:
    add(config, "tagger", TAGGER)
    add(config, "textcat", LINEAR)
    listen_to_transformer(config, folder)
    config["training"]["accumulate_gradient"] = 2
    score(config, tag_acc=0.5, cats_score=0.5)


@variation
def tok2vec_beside_transformer(config: Config, folder: Path) -> None:
    tok2vec = config["components"]["tok2vec"]
    static_vectors(config, folder)
    listen_to_transformer(config, folder)
    config["components"]["tok2vec"] = tok2vec
    config["nlp"]["pipeline"].insert(0, "tok2vec")
    model = config["components"]["ner"]["model"]
    parts = {"transformer": model["tok2vec"], "word": dict(LISTENER)}
    model["tok2vec"] = {"@layers": "concatenate.v1", "*": parts}


@variation
def sourced_transformer(config: Config, folder: Path) -> None:
    listen_to_transformer(config, folder)
    source(config, folder / "first-transformer" / "model-last", "transformer", "ner")


@variation
def frozen_transformer(config: Config, folder: Path) -> None:
    sourced_transformer(config, folder)
    config["training"]["frozen_components"] = ["transformer"]
    config["training"]["annotating_components"] = ["transformer"]


@variation
def beam_ner(config: Config, folder: Path) -> None:
    config["components"]["ner"] |= {"factory": "beam_ner", "beam_width": 4, "beam_density": 0.01}
    config["components"]["ner"]["beam_update_prob"] = 0.5


@variation
def everything_beside_ner(config: Config, folder: Path) -> None:
    add(config, "tagger", TAGGER)
    add(config, "morphologizer", TAGGER)
    add(config, "trainable_lemmatizer", TAGGER, min_tree_freq=1)
    add(config, "parser", parser_model())
    add(config, "senter", TAGGER)
    add(config, "textcat", LINEAR)
    add(config, "spancat", SPANCAT, suggester={"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 2]})
    score(config, tag_acc=0.5, dep_uas=0.5, cats_score=0.5, spans_sc_f=0.5, lemma_acc=0.1, pos_acc=0.1)


@variation
def linked_entities(config: Config, folder: Path) -> None:
    linker = {"@architectures": "spacy.EntityLinker.v2", "nO": None, "tok2vec": TOK2VEC}
    add(config, "sentencizer", None, first=True)
    add(config, "entity_linker", linker, entity_vector_length=8, use_gold_ents=True)
    pipeline = config["nlp"]["pipeline"]
    config["nlp"]["pipeline"] = [*(name for name in pipeline if name != "entity_linker"), "entity_linker"]
    loader = {"@misc": "spacy.KBFromFile.v1", "kb_path": (folder / "kb").as_posix()}
    config["initialize"]["components"]["entity_linker"] = {"kb_loader": loader}
    config["training"]["annotating_components"] = ["sentencizer", "ner"]
    for split in ("train", "dev"):
        config["corpora"][split]["path"] = (folder / "linked.spacy").as_posix()
    score(config, nel_micro_f=0.5)


def own_layer(config: Config, tok2vec: dict) -> None:
    """Let ner have a tok2vec of its own."""
    config["components"]["ner"]["model"]["tok2vec"] = tok2vec
    del config["components"]["tok2vec"]
    config["nlp"]["pipeline"] = ["ner"]


@variation
def own_tok2vec(config: Config, folder: Path) -> None:
    own_layer(config, TOK2VEC)


@variation
def character_embed(config: Config, folder: Path) -> None:
    embed = {"@architectures": "spacy.CharacterEmbed.v2", "width": WIDTH, "rows": 100, "nM": 8, "nC": 4}
    embed |= {"include_static_vectors": False, "feature": "LOWER"}
    config["components"]["tok2vec"]["model"]["embed"] = embed


@variation
def hash_embed_cnn(config: Config, folder: Path) -> None:
    layer = {"@architectures": "spacy.HashEmbedCNN.v2", "width": WIDTH, "depth": 1, "embed_size": 100}
    own_layer(
        config,
        layer | {"window_size": 1, "maxout_pieces": 2, "subword_features": True, "pretrained_vectors": None},
    )


@variation
def mish_encoder(config: Config, folder: Path) -> None:
    encode = {"@architectures": "spacy.MishWindowEncoder.v2", "width": WIDTH, "depth": 1, "window_size": 1}
    config["components"]["tok2vec"]["model"]["encode"] = encode


@variation
def lstm_encoder(config: Config, folder: Path) -> None:
    encode = {"@architectures": "spacy.TorchBiLSTMEncoder.v1", "width": WIDTH, "depth": 1, "dropout": 0.1}
    config["components"]["tok2vec"]["model"]["encode"] = encode


@variation
def own_architecture(config: Config, folder: Path) -> None:
    config["components"]["tok2vec"]["model"] = {
        "@architectures": "tests.training.any_config.Tok2Vec.v1",
        "width": WIDTH,
        "rows": 80,
    }


@variation
def static_vectors(config: Config, folder: Path) -> None:
    config["components"]["tok2vec"]["model"]["embed"] = EMBED | {"include_static_vectors": True}
    config["initialize"]["vectors"] = (folder / "vectors").as_posix()


@variation
def component_without_a_model(config: Config, folder: Path) -> None:
    add(config, "tests_any_config_counter", None)
    config["components"]["ruler"] = {"factory": "entity_ruler"}
    config["nlp"]["pipeline"].append("ruler")
    config["training"]["logger"] = {
        "@loggers": "tests.training.any_config.counter.v1",
        "path": (folder / "log.txt").as_posix(),
    }


@variation
def incorrect_spans(config: Config, folder: Path) -> None:
    config["components"]["ner"]["incorrect_spans_key"] = "wrong"


@variation
def cut_documents(config: Config, folder: Path) -> None:
    config["components"]["ner"]["update_with_oracle_cut_size"] = 5


@variation
def extra_state_tokens(config: Config, folder: Path) -> None:
    config["components"]["ner"]["model"]["extra_state_tokens"] = True


@variation
def no_upper_layer(config: Config, folder: Path) -> None:
    config["components"]["ner"]["model"] |= {"use_upper": False, "maxout_pieces": 1}


@variation
def frequent_actions_of_a_parser(config: Config, folder: Path) -> None:
    add(config, "parser", parser_model(), min_action_freq=2, learn_tokens=False)
    score(config, dep_uas=0.5)


@variation
def two_ners(config: Config, folder: Path) -> None:
    add(config, "ner", config["components"]["ner"]["model"], name="other")
    config["nlp"]["pipeline"] = ["tok2vec", "ner", "other"]


@variation
def two_tok2vecs(config: Config, folder: Path) -> None:
    add(config, "tok2vec", TOK2VEC, name="second")
    add(config, "tagger", TAGGER | {"tok2vec": LISTENER | {"upstream": "second"}})
    config["components"]["ner"]["model"]["tok2vec"] = LISTENER | {"upstream": "tok2vec"}


@variation
def disabled_component(config: Config, folder: Path) -> None:
    add(config, "tagger", TAGGER)
    config["nlp"]["disabled"] = ["tagger"]
