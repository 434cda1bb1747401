"""Checks of a config by itself: what cannot work, whatever the data."""

import re
from collections.abc import Iterator
from itertools import islice

from scripts.checks.catalogue import Severity, check
from scripts.checks.components import ENCODERS, NERS, factories, meta_of, module_of, trained
from scripts.checks.training_config import TrainingConfig
from scripts.corpus.stream import ShardStream

TOO_HIGH = 5e-4
"""Learning rate from which a transformer forgets what it was pretrained for; tok2vec's 0.001 leaves it at F 0."""
TOO_LOW = 1e-4
"""Learning rate below which a tok2vec, which starts from nothing, gets nowhere in a usual budget."""
WARMUP = """[training]
max_steps = 1000

[training.optimizer.learn_rate]
@schedules = "warmup_linear.v1"
warmup_steps = 10
total_steps = {}
initial_rate = 0.001"""
ADAMS = ("Adam.v1", "RAdam.v1")
"""Optimizers for which these rates hold."""
MOST_RATE = 0.1
"""Learning rate of Adam beyond which weights grow without bound."""
LEAST = {"accumulate_gradient": 1, "eval_frequency": 1, "patience": 0, "max_steps": 0, "max_epochs": -1}
FEW_STEPS = 20
"""In a shorter run nothing is said of its warm-up."""
LOOKED_AT = 100_000
"""Steps of a schedule that are looked at, at most."""


@check(
    "NER421",
    "learning-rate",
    Severity.error,
    remedy="set [training.optimizer] learn_rate: about 0.00005 (up to 0.0003) with a transformer, 0.001 without",
    bad="[components.transformer]\n\n[training.optimizer]\nlearn_rate = 0.001",
    good="[components.transformer]\n\n[training.optimizer]\nlearn_rate = 0.00005",
)
def learning_rate(recipe: TrainingConfig) -> Iterator[str]:
    """The learning rate is one at which this pipeline does not learn.

    At tok2vec's usual 0.001 a transformer stays at F 0; at a transformer's usual 0.00005 a tok2vec, which starts from nothing, hardly moves.
    """
    rates = _rates(recipe)
    if not rates or not 0 < max(rates) <= MOST_RATE:
        return  # NER430 tells it
    if trained(recipe.config, ENCODERS):
        if max(rates) >= TOO_HIGH:
            yield f"the learning rate reaches {max(rates):g}; a transformer forgets all it knows from {TOO_HIGH:g} on"
    elif max(rates) < TOO_LOW and _knows_nothing(recipe):
        yield f"the learning rate never exceeds {max(rates):g}; without a pretrained model nothing is learned at that"


@check(
    "NER422",
    "rate-ends-early",
    Severity.error,
    remedy="give the schedule as many steps as max_steps",
    bad=WARMUP.format(200),
    good=WARMUP.format(1000),
)
def rate_ends_early(recipe: TrainingConfig) -> Iterator[str]:
    """The learning rate is 0 long before training ends, or is still warming up when it does.

    What is computed at a rate of 0 changes nothing, and costs as much.
    """
    steps = recipe.training["max_steps"]
    rates = _rates(recipe)
    if steps > 0 and rates and len(rates) == min(steps, LOOKED_AT):
        zeros = sum(rate == 0 for rate in rates[1:])
        if zeros > max(1, len(rates) // 10):
            yield f"the learning rate is 0 in {zeros:,} of {len(rates):,} steps"
        elif len(rates) >= FEW_STEPS and rates[-1] == max(rates) and rates[0] < rates[-1] / 2:
            yield f"the learning rate still rises when step {steps:,} ends the training"


@check(
    "NER423",
    "patience",
    Severity.error,
    remedy="set patience to at least twice eval_frequency (0: never stop early)",
    bad="[training]\npatience = 100\neval_frequency = 200\nmax_steps = 1000",
    good="[training]\npatience = 800\neval_frequency = 200\nmax_steps = 1000",
)
def patience(recipe: TrainingConfig) -> Iterator[str]:
    """Training gives up before it had a chance: patience is shorter than the time between two evaluations.

    The first score is taken after one step. If patience, in steps, is over before the next, training stops with that state as its best.
    """
    training = recipe.training
    if 0 < training["patience"] <= training["eval_frequency"]:
        yield f"patience = {training['patience']} steps, but the next score comes after eval_frequency = {training['eval_frequency']}"


@check(
    "NER424",
    "scored-too-seldom",
    Severity.warning,
    remedy="set eval_frequency to about a fifth of max_steps, or lower",
    bad="[training]\nmax_steps = 150\neval_frequency = 200\npatience = 0",
    good="[training]\nmax_steps = 1000\neval_frequency = 200\npatience = 0",
)
def scored_too_seldom(recipe: TrainingConfig) -> Iterator[str]:
    """The pipeline is scored only after its first step: max_steps is smaller than eval_frequency.

    model-best is then the state after one step, which knows nothing, and the trained one is only in model-last.
    """
    training = recipe.training
    if 0 < training["max_steps"] < training["eval_frequency"]:
        yield f"max_steps = {training['max_steps']}, eval_frequency = {training['eval_frequency']}"


@check(
    "NER425",
    "never-ends",
    Severity.warning,
    remedy="set max_steps, max_epochs or patience",
    bad="[training]\nmax_steps = 0\nmax_epochs = 0\npatience = 0",
    good="[training]\nmax_steps = 1000\nmax_epochs = 0\npatience = 0",
)
def never_ends(recipe: TrainingConfig) -> Iterator[str]:
    """Nothing ends the training: max_steps, max_epochs and patience are all 0 (or the epochs endless)."""
    training = recipe.training
    if not training["max_steps"] and not training["patience"] and training["max_epochs"] < 1:
        yield f"max_steps = 0, patience = 0, max_epochs = {training['max_epochs']}"


@check(
    "NER426",
    "streaming",
    Severity.warning,
    remedy="set max_epochs = 0; or write the config with --stream=always; or shuffle the data yourself and give label files (spacy init labels)",
    bad="[training]\nmax_epochs = -1\nmax_steps = 1000",
    good="[training]\nmax_epochs = 0\nmax_steps = 1000",
)
def streaming(recipe: TrainingConfig) -> Iterator[str]:
    """The corpus is streamed (max_epochs = -1): it is never shuffled, and labels are taken from its first 100 documents.

    A label that comes later raises an error or is never learned; data in order of source or date is learned in that order, each time.
    The reader `ner_template.shards.v1` shuffles; with that and a label file nothing is wrong.
    """
    if recipe.training["max_epochs"] == -1:
        settings = recipe.config["initialize"]["components"]
        new = [
            name for name in trained(recipe.config, NERS) if "source" not in recipe.config["components"][name]
        ]
        labels = all(settings.get(name, {}).get("labels") for name in new)
        reader = recipe.reader("train")
        if labels and isinstance(reader, ShardStream) and reader.shuffle:
            return
        yield f"max_epochs = -1, {'labels are given' if labels else 'and no label file in [initialize.components]'}"


@check(
    "NER427",
    "no-score",
    Severity.warning,
    remedy="set ents_f = 1.0 in [training.score_weights]",
    bad="[training.score_weights]\nents_f = 0.0\nents_p = 0.0\nents_r = 0.0",
    good="[training.score_weights]\nents_f = 1.0",
)
def no_score(recipe: TrainingConfig) -> Iterator[str]:
    """No score has a weight, so that every state is as good as every other.

    The best state is then the last one scored, and patience counts from the first. A component's own weights (the ner's ents_f = 1.0) hold unless
    [training.score_weights] sets others; in a pipeline of several, other scores may decide.
    """
    lang, given = recipe.lang, recipe.training["score_weights"]
    metas = [meta_of(lang, factory) for factory in factories(recipe.config).values()]
    weights = {
        name: weight
        for meta in metas
        if meta is not None
        for name, weight in meta.default_score_weights.items()
    } | given
    if given and not any(weights.values()):
        yield f"score_weights are {dict(given)}"


@check(
    "NER428",
    "no-ner",
    Severity.error,
    remedy='put "ner" into [nlp] pipeline, and take it out of frozen_components',
    bad='[training]\nfrozen_components = ["ner"]',
    good="[training]\nfrozen_components = []",
)
def no_ner(recipe: TrainingConfig) -> Iterator[str]:
    """The pipeline has no ner component that is trained.

    The entities of the corpus are read, counted and learned by nobody. A component that is not spaCy's own may learn them: nothing is said then.
    """
    if not trained(recipe.config, NERS) and not any(map(_is_foreign, set(factories(recipe.config).values()))):
        pipeline, frozen = recipe.config["nlp"]["pipeline"], recipe.training["frozen_components"]
        yield f"pipeline = {list(pipeline)}, frozen_components = {list(frozen)}"


@check(
    "NER429",
    "grad-scaler",
    Severity.error,
    remedy="write 32768.0 instead of 32768",
    bad='[components.transformer.model]\nmixed_precision = true\ngrad_scaler_config = {"init_scale": 32768}',
    good='[components.transformer.model]\nmixed_precision = true\ngrad_scaler_config = {"init_scale": 32768.0}',
)
def grad_scaler(recipe: TrainingConfig) -> Iterator[str]:
    """A value of grad_scaler_config is a whole number where thinc wants one with a decimal point.

    Training fails on a GPU, once the model is made.
    """
    for name, value in ((recipe.transformer or {}).get("grad_scaler_config") or {}).items():
        if name in ("init_scale", "backoff_factor", "growth_factor") and isinstance(value, int):
            yield f"{name} = {value}"


@check(
    "NER430",
    "impossible-setting",
    Severity.error,
    remedy="set a value in the range that is told",
    bad="[training.optimizer]\nlearn_rate = 50.0",
    good="[training.optimizer]\nlearn_rate = 0.001",
)
def impossible_setting(recipe: TrainingConfig) -> Iterator[str]:
    """A setting has a value with which nothing can be trained.

    spaCy takes most of them: it divides by 0 or stops after a step (E001 where frozen_components names what is not in the pipeline), or it trains to
    the end and has learned nothing.
    """
    training, pipeline = recipe.training, recipe.config["nlp"]["pipeline"]
    if not isinstance(training["dropout"], float) or not 0 <= training["dropout"] < 1:
        yield f"dropout = {training['dropout']}: from 0.0 to below 1.0, written with a point"
    for name, least in LEAST.items():
        if training[name] < least:
            yield f"{name} = {training[name]}: {least} or more"
    for section, block, name in (
        ("nlp", recipe.config["nlp"], "batch_size"),
        ("training.batcher", training["batcher"], "size"),
    ):
        if isinstance(block.get(name), (int, float)) and block[name] < 1:
            yield f"[{section}] {name} = {block[name]}: 1 or more"
    rate = training["optimizer"].get("learn_rate")
    if isinstance(rate, str):
        yield f"learn_rate = {rate!r}: a number, written as 0.001 or 1e-3"
    rates = _rates(recipe)
    for rate in [rate for rate in rates if not 0 <= rate <= MOST_RATE][:1]:
        yield f"the learning rate is {rate:g} at step {rates.index(rate)}: from 0 to {MOST_RATE:g}"
    if rates and not any(rates):
        yield f"the learning rate is 0 in all steps: above 0, up to {MOST_RATE:g}"
    for name in ("frozen_components", "annotating_components"):
        for unknown in [one for one in training[name] if one not in pipeline]:
            yield f"{name} has {unknown!r}: one of {', '.join(pipeline)}"


def _knows_nothing(recipe: TrainingConfig) -> bool:
    """Say whether a pipeline starts from nothing: it takes no component from another, no weights, and has spaCy's own architectures alone."""
    sections = recipe.config["components"]
    architectures = re.findall(r"'@architectures': '([^']+)'", repr(sections))
    sourced = any("source" in sections.get(name, {}) for name in recipe.config["nlp"]["pipeline"])
    return (
        not sourced
        and not recipe.config["initialize"]["init_tok2vec"]
        and all(name.startswith("spacy.") for name in architectures)
    )


def _is_foreign(factory: str) -> bool:
    """Say whether a factory is neither spaCy's own nor a transformer's."""
    return factory not in ENCODERS and not module_of(factory).startswith("spacy.")


def _rates(recipe: TrainingConfig) -> list[float]:
    """Return the learning rate of each step, as far as it is looked at; empty where it cannot be told, or the optimizer is none of ADAMS."""
    if recipe.training["optimizer"].get("@optimizers") not in ADAMS:
        return []
    rate = recipe.training["optimizer"].get("learn_rate", 0.001)
    if isinstance(rate, (int, float)):
        return [float(rate)]
    steps = min(max(0, recipe.training["max_steps"]) or LOOKED_AT, LOOKED_AT)
    schedule = recipe.resolve("[training.optimizer.learn_rate]", rate) if isinstance(rate, dict) else rate
    if hasattr(schedule, "to_generator"):
        schedule = schedule.to_generator()
    try:
        return [float(value) for value in islice(schedule, steps)]
    except Exception:  # of a schedule that wants to know more than the step, or is none
        return []
