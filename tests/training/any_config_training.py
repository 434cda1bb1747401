"""Configs whose data, optimizer, batches or times are special."""

import json
from pathlib import Path

import spacy
from confection import Config
from spacy.tokens import DocBin

from tests.training.any_config import NAMES, READER, score, variation


@variation
def plain(config: Config, folder: Path) -> None:
    pass


@variation
def labels_null(config: Config, folder: Path) -> None:
    config["initialize"]["components"]["ner"] = {"labels": None}


@variation
def labels_from_a_file(config: Config, folder: Path) -> None:
    path = folder / "labels.json"
    counts = {label: 1 for label in NAMES}
    moves = {"0": {}, "1": counts, "2": counts, "3": counts, "4": counts | {"": 1}, "5": {"": 1}}
    path.write_text(json.dumps(moves), encoding="utf-8")
    labels = {"@readers": "spacy.read_labels.v1", "path": path.as_posix(), "require": True}
    config["initialize"]["components"]["ner"] = {"labels": labels}


@variation
def augmented_by_lower_case(config: Config, folder: Path) -> None:
    config["corpora"]["train"]["augmenter"] = {"@augmenters": "spacy.lower_case.v1", "level": 0.5}


@variation
def augmented_by_orth_variants(config: Config, folder: Path) -> None:
    path = folder / "orth.json"
    single = [{"tags": ["NNP"], "variants": ["Cork", "Corcaigh"]}]
    path.write_text(json.dumps({"single": single, "paired": []}), encoding="utf-8")
    variants = {"@readers": "srsly.read_json.v1", "path": path.as_posix()}
    augmenter = {
        "@augmenters": "spacy.orth_variants.v1",
        "level": 0.5,
        "lower": 0.5,
        "orth_variants": variants,
    }
    docs = list(DocBin().from_disk(config["corpora"]["train"]["path"]).get_docs(spacy.blank("en").vocab))
    for doc in docs:
        doc.spans.clear()  # spaCy's augmenter fails on them
    DocBin(docs=docs).to_disk(folder / "without-spans.spacy")
    config["corpora"]["train"] |= {
        "augmenter": augmenter,
        "path": (folder / "without-spans.spacy").as_posix(),
    }


@variation
def own_reader_that_draws(config: Config, folder: Path) -> None:
    path = config["corpora"]["train"]["path"]
    config["corpora"]["train"] = {"@readers": "tests.training.any_config.drawn.v1", "path": path}


@variation
def streamed(config: Config, folder: Path) -> None:
    config["training"]["max_epochs"] = -1


@variation
def streamed_with_drawn_documents(config: Config, folder: Path) -> None:
    own_reader_that_draws(config, folder)
    config["training"]["max_epochs"] = -1
    config["training"]["max_steps"] = 40


@variation
def seed_null(config: Config, folder: Path) -> None:
    config["training"]["seed"] = None


@variation
def system_left_out(config: Config, folder: Path) -> None:
    del config["system"]
    config["training"] |= {"seed": 3, "gpu_allocator": None}


@variation
def logger_of_wandb(config: Config, folder: Path) -> None:
    logger = {"@loggers": "spacy.WandbLogger.v5", "project_name": "any", "remove_config_values": []}
    config["training"]["logger"] = logger | {
        "model_log_interval": None,
        "log_dataset_dir": None,
        "entity": None,
    }


@variation
def own_logger(config: Config, folder: Path) -> None:
    path = (folder / "logged.txt").as_posix()
    config["training"]["logger"] = {"@loggers": "tests.training.any_config.counter.v1", "path": path}


@variation
def accumulated_gradient(config: Config, folder: Path) -> None:
    config["training"]["accumulate_gradient"] = 3


@variation
def averages(config: Config, folder: Path) -> None:
    config["training"]["optimizer"]["use_averages"] = True


@variation
def radam(config: Config, folder: Path) -> None:
    config["training"]["optimizer"]["@optimizers"] = "RAdam.v1"


@variation
def sgd(config: Config, folder: Path) -> None:
    config["training"]["optimizer"] = {"@optimizers": "SGD.v1", "learn_rate": 0.01}


@variation
def l2_in_the_gradient(config: Config, folder: Path) -> None:
    config["training"]["optimizer"] |= {"L2_is_weight_decay": False, "L2": 0.01, "grad_clip": 0.0}


@variation
def warmup(config: Config, folder: Path) -> None:
    rate = {"@schedules": "warmup_linear.v1", "warmup_steps": 4, "total_steps": 12, "initial_rate": 0.005}
    config["training"]["optimizer"]["learn_rate"] = rate


@variation
def growing_batches(config: Config, folder: Path) -> None:
    size = {"@schedules": "compounding.v1", "start": 20, "stop": 100, "compound": 1.1}
    config["training"]["batcher"]["size"] = size


@variation
def batches_by_sequence(config: Config, folder: Path) -> None:
    config["training"]["batcher"] = {"@batchers": "spacy.batch_by_sequence.v1", "size": 5}


@variation
def padded_batches(config: Config, folder: Path) -> None:
    batcher = {"@batchers": "spacy.batch_by_padded.v1", "size": 80, "buffer": 16, "discard_oversize": True}
    config["training"]["batcher"] = batcher


@variation
def own_batcher(config: Config, folder: Path) -> None:
    config["training"]["batcher"] = {"@batchers": "tests.training.any_config.pairs.v1"}


@variation
def callbacks(config: Config, folder: Path) -> None:
    for name in ("before_update", "before_to_disk"):
        config["training"][name] = {"@callbacks": f"tests.training.any_config.{name}.v1"}
    config["initialize"]["after_init"] = {"@callbacks": "tests.training.any_config.after_init.v1"}


@variation
def rare_evaluation(config: Config, folder: Path) -> None:
    config["training"]["eval_frequency"] = 100


@variation
def scores_without_weights(config: Config, folder: Path) -> None:
    score(config, ents_f=None, ents_p=None, ents_r=None)


@variation
def impatient(config: Config, folder: Path) -> None:
    config["training"] |= {"patience": 6, "max_steps": 100, "eval_frequency": 2}
    config["training"]["optimizer"]["learn_rate"] = 0.0


@variation
def epochs_only(config: Config, folder: Path) -> None:
    config["training"] |= {"max_epochs": 3, "max_steps": 0}


@variation
def gold_preproc(config: Config, folder: Path) -> None:
    config["corpora"]["train"]["gold_preproc"] = config["corpora"]["dev"]["gold_preproc"] = True


@variation
def short_documents(config: Config, folder: Path) -> None:
    config["corpora"]["train"] |= {"max_length": 10, "limit": 20}


@variation
def reader_version_1_by_default(config: Config, folder: Path) -> None:
    config["corpora"]["train"] = {"@readers": READER["@readers"], "path": config["corpora"]["train"]["path"]}
    config["training"] |= {"dropout": 0.3, "max_epochs": 2}
