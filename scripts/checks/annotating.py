"""What components that stand before the ner make of documents, and which entities they keep it from."""

from collections.abc import Callable, Iterable, Iterator

from spacy.pipeline._parser_internals.ner import BiluoPushDown
from spacy.schemas import validate_init_settings
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import load_model_from_config, registry
from spacy.vocab import Vocab

from scripts.checks.catalogue import Severity, declare
from scripts.checks.components import ENCODERS, NERS, factories, meta_of, module_of, trained
from scripts.corpus.pool import as_without_torch

SENTENCES_OR_ENTITIES = frozenset({"token.is_sent_start", "doc.sents", "doc.ents", "token.ent_iob"})
TENSORS = ("tok2vec", *ENCODERS)
RULES = ("sentencizer", "entity_ruler", "future_entity_ruler", "span_ruler")
"""Factories that run on any tokens: what these set before the ner holds in evaluation, too, whether or not they annotate in training."""
PIPELINE = """[nlp]
pipeline = ["{}","tok2vec","ner"]

[components.{}]
factory = "{}"

[training]
annotating_components = ["{}"]

"""
CUT = "They/O sued/O Yip/B-ORG !/I-ORG | Inc./I-ORG yesterday/O"

declare(
    "NER415",
    "forbidden-entity",
    Severity.error,
    """What a component sets before the ner keeps the ner from an entity of the data.
    The ner never crosses the start of a sentence, and never changes entities that are set already. Where a component of annotating_components
    begins a sentence inside an entity, or sets another entity there, training dies with E024 (in documents of more than some 50 tokens, and it names
    none) or cannot learn it. In dev such an entity is never found, whether the component annotates in training or not: a warning.""",
    error="E024",
    remedy="mend the entity or the component's settings, or put the component behind the ner in [nlp] pipeline",
    bad=PIPELINE.format(*["sentencizer"] * 4) + "They/O sued/O Yip/B-ORG !/I-ORG Inc./I-ORG yesterday/O",
    good=PIPELINE.format(*["sentencizer"] * 4)
    + "They/O sued/O Yip/B-ORG and/I-ORG Inc./I-ORG !/O Yesterday/O",
)
declare(
    "NER416",
    "unknown-annotation",
    Severity.warning,
    """A component that annotates in training sets sentences or entities before the ner, and nobody knows which until it is trained.
    The ner never crosses the start of a sentence, and never changes entities that are set already. A half-trained senter or parser may begin a
    sentence inside any entity of two tokens or more: training may die with E024 then, or not learn that entity.""",
    error="E024",
    remedy="put the component behind the ner, or take it out of annotating_components unless the ner needs it",
    bad=PIPELINE.format(*["senter"] * 4) + CUT,
    good=PIPELINE.format(*["senter"] * 4).replace('"senter","tok2vec","ner"', '"tok2vec","ner","senter"')
    + CUT,
)


class Annotators:
    """The components that stand before the last ner to be trained and may set what it must respect.

    train, dev: those that run on these splits, as far as they have no weights. unknown: why what others set cannot be told, by name.
    key: what decides all of it.
    """

    def __init__(self, config: dict, vocab: Vocab, get_examples: Callable[[], Iterable[Example]]) -> None:
        """Make those without weights, with a vocabulary; `get_examples` are what they are initialised with."""
        self.unknown: dict[str, str] = {}
        self.train: dict[str, Callable[[Doc], Doc]] = {}
        self.dev: dict[str, Callable[[Doc], Doc]] = {}
        wanted = self._wanted(config)
        settings = config["initialize"]["components"]
        self.key = repr(
            [
                (name, config["components"][name], settings.get(name), splits)
                for name, splits in wanted.items()
            ]
        )
        for name, splits in wanted.items():
            proc = self._made(config, name, vocab, get_examples)
            for split in splits if proc is not None else ():
                getattr(self, split)[name] = proc

    def _wanted(self, config: dict) -> dict[str, tuple[str, ...]]:
        """Return the components to be run, and the splits that they are run on; note in `unknown` which cannot be."""
        lang, annotating = config["nlp"]["lang"], config["training"]["annotating_components"]
        pipeline, known, ners = config["nlp"]["pipeline"], factories(config), trained(config, NERS)
        wanted: dict[str, tuple[str, ...]] = {}
        learned: list[str] = []  # the components with weights up to here
        for name in pipeline[: pipeline.index(ners[-1])] if ners else ():
            factory, meta = known[name], meta_of(lang, known[name])
            assigned = set(meta.assigns) if meta else SENTENCES_OR_ENTITIES
            is_harmless = not SENTENCES_OR_ENTITIES & assigned and module_of(factory).startswith(
                "spacy.pipeline."
            )
            if factory in TENSORS or name in config["nlp"]["disabled"]:
                continue
            if meta is None or "model" in meta.default_config:
                if name in annotating and SENTENCES_OR_ENTITIES & assigned:
                    self.unknown[name] = "what it will predict is not known here"
                learned.append(name)
            elif factory in RULES or (name in annotating and not is_harmless):
                uses = [one for one in learned if one in annotating]
                if name in annotating and uses:
                    self.unknown[name] = f"what it does may depend on what {', '.join(uses)} will predict"
                train = ("train",) if name in annotating and not uses else ()
                wanted[name] = (*train, *(() if learned else ("dev",)))
        return {name: splits for name, splits in wanted.items() if splits}

    def _made(
        self, config: dict, name: str, vocab: Vocab, get_examples: Callable
    ) -> Callable[[Doc], Doc] | None:
        """Make a component as training would; None, and a reason in `unknown`, where that fails."""
        block = config["components"][name]
        nlp = {key: config["nlp"][key] for key in ("lang", "tokenizer", "batch_size")}
        as_without_torch()
        try:
            made = load_model_from_config(
                {"nlp": nlp | {"pipeline": [name]}, "components": {name: block}}, vocab=vocab, auto_fill=True
            )
            proc = made.get_pipe(name)
            if (
                hasattr(proc, "initialize")
                and "source" not in block
                and name not in config["training"]["frozen_components"]
            ):
                settings = registry.resolve({"it": config["initialize"]["components"].get(name, {})})["it"]
                settings = validate_init_settings(proc.initialize, settings, section="components", name=name)
                proc.initialize(get_examples, nlp=made, **settings)
        except Exception as error:  # of somebody's code
            self.unknown[name] = (
                f"it cannot be run here: {type(error).__name__}: {' '.join(str(error).split())}"
            )
            return None
        return proc

    def doubts(self, crossing: int) -> list[str]:
        """Say of what is not known why, and what is known: how many entities of train hold a sentence's end."""
        known = f"; {crossing:,} entities of train hold a sentence's end" if crossing else ""
        return [f"{name}: {why}{known}" for name, why in self.unknown.items()]

    def forbidden(self, example: Example, split: str) -> Iterator[tuple[int, int, str]]:
        """Let components annotate an example that the ner could learn; yield first token, end and reason of what it then cannot.

        Tokens are the reference's. Raises whatever a component does.
        """
        for name, proc in getattr(self, split).items():
            example.predicted = proc(example.predicted)
            try:
                learnable(example)
            except ValueError:  # E024: no sequence of actions leads to the annotation
                found = [*_crossed(example, name), *_preset(example, name)]
                yield from found or [(0, 0, f"{name} sets what keeps the ner from the entities of the data")]
                return


def learnable(example: Example) -> tuple[Span, ...]:
    """Return the entities that the ner can learn of an example. Raises whatever training would die of."""
    aligned, _ = example.get_aligned_ents_and_ner()
    preset = {ent.label_ for ent in example.predicted.ents}  # the ner is given these labels, too
    actions = BiluoPushDown.get_actions(examples=[example], entity_types=preset)
    BiluoPushDown(example.reference.vocab.strings, actions, incorrect_spans_key=None).get_oracle_sequence(
        example
    )
    return aligned


def _crossed(example: Example, name: str) -> Iterator[tuple[int, int, str]]:
    """Yield the entities in which a sentence begins."""
    for ent in example.reference.ents:
        for span in example.get_aligned_spans_y2x([ent]):
            begun = next((token for token in span[1:] if token.is_sent_start), None)
            if begun is not None:
                yield (
                    ent.start,
                    ent.end,
                    f"{name} begins a sentence at {begun.text!r}, inside {ent.text!r} {ent.label_}",
                )


def _preset(example: Example, name: str) -> Iterator[tuple[int, int, str]]:
    """Yield the entities that are set already and not the data's."""
    gold = {(ent.start_char, ent.end_char, ent.label) for ent in example.reference.ents}
    for ent in example.predicted.ents:
        if (ent.start_char, ent.end_char, ent.label) not in gold:
            tokens = sorted({int(i) for i in example.alignment.x2y[ent.start : ent.end]})
            if any(example.reference[i].ent_iob for i in tokens):
                there = ", ".join(
                    dict.fromkeys(example.reference[i].ent_type_ or "no entity" for i in tokens)
                )
                yield (
                    tokens[0],
                    tokens[-1] + 1,
                    f"{name} sets {ent.text!r} {ent.label_}; the data has {there} there",
                )
