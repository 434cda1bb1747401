"""Checks of a config by itself: what cannot work, whatever the data. Each function is called as its check."""

import re
from collections.abc import Iterator
from itertools import islice

from scripts.checks.catalogue import by_slug
from scripts.checks.components import ENCODERS, NERS, factories, meta_of, module_of, trained
from scripts.checks.training_config import TrainingConfig
from scripts.corpus.config_file import TOO_HIGH
from scripts.corpus.stream import ShardStream

TOO_LOW = 1e-4
"""Learning rate below which a tok2vec, which starts from nothing, gets nowhere in a usual budget."""
ADAMS = ("Adam.v1", "RAdam.v1")
"""Optimizers for which these rates hold."""
MOST_RATE = 0.1
"""Learning rate of Adam beyond which weights grow without bound."""
LEAST = {"accumulate_gradient": 1, "eval_frequency": 1, "patience": 0, "max_steps": 0, "max_epochs": -1}
FEW_STEPS = 20
"""In a shorter run nothing is said of its warm-up."""
LOOKED_AT = 100_000
"""Steps of a schedule that are looked at, at most."""


def learning_rate(config: TrainingConfig) -> Iterator[str]:
    """Find rates at which this pipeline does not learn."""
    highest = max(_rates(config), default=0.0)
    if not 0 < highest <= MOST_RATE:
        return  # impossible_setting tells it
    rate = "the learning rate"
    if trained(config.config, ENCODERS):
        if highest >= TOO_HIGH:
            yield f"{rate} reaches {highest:g}; a transformer forgets all it knows from {TOO_HIGH:g} on"
    elif highest < TOO_LOW and _knows_nothing(config):
        yield f"{rate} never exceeds {highest:g}; without a pretrained model nothing is learned at that"


def rate_ends_early(config: TrainingConfig) -> Iterator[str]:
    """Find schedules that end, or still rise, at another step than training."""
    steps = config.training["max_steps"]
    rates = _rates(config)
    if steps > 0 and rates and len(rates) == min(steps, LOOKED_AT):
        zeros = sum(rate == 0 for rate in rates[1:])
        if zeros > max(1, len(rates) // 10):
            yield f"the learning rate is 0 in {zeros:,} of {len(rates):,} steps"
        elif len(rates) >= FEW_STEPS and rates[-1] == max(rates) and rates[0] < rates[-1] / 2:
            yield f"the learning rate still rises when step {steps:,} ends the training"


def patience(config: TrainingConfig) -> Iterator[str]:
    """Find trainings that give up before their second score."""
    steps, next_score = config.training["patience"], config.training["eval_frequency"]
    if 0 < steps <= next_score:
        yield f"patience = {steps} steps, but the next score comes after eval_frequency = {next_score}"


def scored_too_seldom(config: TrainingConfig) -> Iterator[str]:
    """Find trainings that end before their second score."""
    steps, next_score = config.training["max_steps"], config.training["eval_frequency"]
    if 0 < steps < next_score:
        yield f"max_steps = {steps}, eval_frequency = {next_score}"


def never_ends(config: TrainingConfig) -> Iterator[str]:
    """Find trainings that nothing ends."""
    training = config.training
    if not training["max_steps"] and not training["patience"] and training["max_epochs"] < 1:
        yield f"max_steps = 0, patience = 0, max_epochs = {training['max_epochs']}"


def streaming(config: TrainingConfig) -> Iterator[str]:
    """Find streams that are not shuffled, or whose labels are taken from the first documents."""
    if config.training["max_epochs"] != -1:
        return
    settings, components = config.config["initialize"]["components"], config.config["components"]
    new = [name for name in trained(config.config, NERS) if "source" not in components[name]]
    labels = all(settings.get(name, {}).get("labels") for name in new)
    reader = config.readers["train"]
    if not (labels and isinstance(reader, ShardStream) and reader.shuffle):
        given = "labels are given" if labels else "and no label file in [initialize.components]"
        yield f"max_epochs = -1, {given}"


def no_score(config: TrainingConfig) -> Iterator[str]:
    """Find configs in which no score has a weight."""
    given = config.training["score_weights"]
    metas = [meta_of(config.lang, factory) for factory in factories(config.config).values()]
    weights = [value for meta in metas if meta for value in meta.default_score_weights.items()]
    if given and not any((dict(weights) | given).values()):
        yield f"score_weights are {dict(given)}"


def no_ner(config: TrainingConfig) -> Iterator[str]:
    """Find pipelines in which nothing learns entities, as far as spaCy's own components go."""
    used = factories(config.config).values()
    foreign = [one for one in used if one not in ENCODERS and not module_of(one).startswith("spacy.")]
    if not trained(config.config, NERS) and not foreign:
        pipeline, frozen = config.config["nlp"]["pipeline"], config.training["frozen_components"]
        yield f"pipeline = {list(pipeline)}, frozen_components = {list(frozen)}"


def grad_scaler(config: TrainingConfig) -> Iterator[str]:
    """Find whole numbers where thinc wants a decimal point."""
    for name, value in ((config.transformer or {}).get("grad_scaler_config") or {}).items():
        if name in ("init_scale", "backoff_factor", "growth_factor") and isinstance(value, int):
            yield f"{name} = {value}"


def impossible_setting(config: TrainingConfig) -> Iterator[str]:
    """Find values with which nothing can be trained."""
    training, nlp = config.training, config.config["nlp"]
    if not isinstance(training["dropout"], float) or not 0 <= training["dropout"] < 1:
        yield f"dropout = {training['dropout']}: from 0.0 to below 1.0, written with a point"
    for name, least in LEAST.items():
        if training[name] < least:
            yield f"{name} = {training[name]}: {least} or more"
    sizes = (("[nlp] batch_size", nlp), ("[training.batcher] size", training["batcher"]))
    for name, block in sizes:
        size = block.get(name.split()[1])
        if isinstance(size, int | float) and size < 1:
            yield f"{name} = {size}: 1 or more"
    for name in ("frozen_components", "annotating_components"):
        for unknown in [one for one in training[name] if one not in nlp["pipeline"]]:
            yield f"{name} has {unknown!r}: one of {', '.join(nlp['pipeline'])}"
    rate = training["optimizer"].get("learn_rate")
    if isinstance(rate, str):
        yield f"learn_rate = {rate!r}: a number, written as 0.001 or 1e-3"
    rates = _rates(config)
    wrong = ((step, rate) for step, rate in enumerate(rates) if not 0 <= rate <= MOST_RATE)
    for step, rate in islice(wrong, 1):
        yield f"the learning rate is {rate:g} at step {step}: from 0 to {MOST_RATE:g}"
    if rates and not any(rates):
        yield f"the learning rate is 0 in all steps: above 0, up to {MOST_RATE:g}"


def _knows_nothing(config: TrainingConfig) -> bool:
    """Say whether a pipeline starts from nothing: no sources, no weights, and spaCy's architectures alone."""
    sections = config.config["components"]
    architectures = re.findall(r"'@architectures': '([^']+)'", repr(sections))
    sourced = any("source" in sections.get(name, {}) for name in config.config["nlp"]["pipeline"])
    pretrained = sourced or config.config["initialize"]["init_tok2vec"]
    return not pretrained and all(name.startswith("spacy.") for name in architectures)


def _rates(config: TrainingConfig) -> list[float]:
    """Return the learning rate of each step, as far as it is looked at; empty where it cannot be told."""
    optimizer = config.training["optimizer"]
    if optimizer.get("@optimizers") not in ADAMS:
        return []
    rate = optimizer.get("learn_rate", 0.001)
    if isinstance(rate, int | float):
        return [float(rate)]
    steps = min(max(0, config.training["max_steps"]) or LOOKED_AT, LOOKED_AT)
    schedule = config.resolve("[training.optimizer.learn_rate]", rate) if isinstance(rate, dict) else rate
    if hasattr(schedule, "to_generator"):
        schedule = schedule.to_generator()
    try:
        return [float(value) for value in islice(schedule, steps)]
    except Exception:  # of a schedule that wants to know more than the step, or is none
        return []


CONFIG_CHECKS = by_slug(globals())
