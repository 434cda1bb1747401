"""What components that stand before the ner make of documents, and which entities they keep it from."""

from collections.abc import Callable, Iterable, Iterator

from spacy.pipeline import EntityRecognizer
from spacy.schemas import validate_init_settings
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import load_model_from_config, registry
from spacy.vocab import Vocab

from scripts.checks.components import ENCODERS, NERS, factories, meta_of, module_of, trained
from scripts.checks.doc_view import TokenFinding
from scripts.corpus.config_file import one_line

SENTENCES_OR_ENTITIES = frozenset({"token.is_sent_start", "doc.sents", "doc.ents", "token.ent_iob"})
RULES = ("sentencizer", "entity_ruler", "future_entity_ruler", "span_ruler")
"""Factories that run on any tokens: what they set before the ner holds in evaluation, annotating or not."""


class Annotators:
    """The components before the last ner to be trained that may set what it must respect.

    splits: those without weights, by the split that they run on. unknown: why nobody knows what others set.
    key: what decides all of it.
    """

    def __init__(self, config: dict, vocab: Vocab, get_examples: Callable[[], Iterable[Example]]) -> None:
        """Make those without weights, with a vocabulary; they are initialised with `get_examples`."""
        self.unknown: dict[str, str] = {}
        self.splits: dict[str, dict[str, Callable[[Doc], Doc]]] = {"train": {}, "dev": {}}
        self._config = config
        wanted = self._wanted()
        settings = config["initialize"]["components"]
        self.key = repr([(config["components"][name], settings.get(name), wanted[name]) for name in wanted])
        for name, splits in wanted.items():
            try:
                proc = self._make(name, vocab, get_examples)
                for split in splits:
                    self.splits[split][name] = proc
            except Exception as error:  # of somebody's code
                self.unknown[name] = f"it cannot be run here: {type(error).__name__}: {one_line(error)}"

    def _wanted(self) -> dict[str, list[str]]:
        """Return the components to be run, and on which splits; note in `unknown` which cannot be."""
        nlp, annotating = self._config["nlp"], self._config["training"]["annotating_components"]
        known, ners = factories(self._config), trained(self._config, NERS)
        wanted: dict[str, list[str]] = {}
        learned: list[str] = []  # the components with weights up to here
        for name in nlp["pipeline"][: nlp["pipeline"].index(ners[-1])] if ners else ():
            factory, meta, annotates = known[name], meta_of(nlp["lang"], known[name]), name in annotating
            if factory in ("tok2vec", *ENCODERS) or name in nlp["disabled"]:
                continue
            sets = meta is None or not SENTENCES_OR_ENTITIES.isdisjoint(meta.assigns)
            may_set = sets or not module_of(factory).startswith("spacy.pipeline.")
            if meta is None or "model" in meta.default_config:
                if annotates and sets:
                    self.unknown[name] = "what it will predict is not known here"
                learned.append(name)
            elif factory in RULES or (annotates and may_set):
                uses = [one for one in learned if one in annotating]
                if annotates and uses:
                    self.unknown[name] = f"what it does may depend on what {', '.join(uses)} will predict"
                wanted[name] = ["train"] * (annotates and not uses) + ["dev"] * (not learned)
        return {name: splits for name, splits in wanted.items() if splits}

    def _make(self, name: str, vocab: Vocab, get_examples: Callable) -> Callable[[Doc], Doc]:
        """Make a component as training would."""
        config, block = self._config, self._config["components"][name]
        nlp = {key: config["nlp"][key] for key in ("lang", "tokenizer", "batch_size")} | {"pipeline": [name]}
        made = load_model_from_config({"nlp": nlp, "components": {name: block}}, vocab=vocab, auto_fill=True)
        proc = made.get_pipe(name)
        is_new = "source" not in block and name not in config["training"]["frozen_components"]
        if is_new and hasattr(proc, "initialize"):
            settings = registry.resolve({"it": config["initialize"]["components"].get(name, {})})["it"]
            settings = validate_init_settings(proc.initialize, settings, section="components", name=name)
            proc.initialize(get_examples, nlp=made, **settings)
        return proc

    def forbidden(self, example: Example, split: str) -> Iterator[TokenFinding]:
        """Let components annotate an example that the ner could learn; yield what it then cannot.

        Raises whatever a component does.
        """
        for name, proc in self.splits[split].items():
            example.predicted = proc(example.predicted)
            try:
                learnable(example)
            except ValueError:  # E024: no sequence of actions leads to the annotation
                found = [*_crossed(example, name), *_preset(example, name)]
                unplaced = f"{name} sets what keeps the ner from the entities of the data"
                yield from found or [TokenFinding(0, 0, unplaced, "forbidden-entity")]
                return


def learnable(example: Example) -> tuple[Span, ...]:
    """Return the entities that the ner can learn of an example. Raises whatever training would die of."""
    aligned, _ = example.get_aligned_ents_and_ner()
    preset = {ent.label_ for ent in example.predicted.ents}  # the ner is given these labels, too
    system = EntityRecognizer.TransitionSystem
    actions = system.get_actions(examples=[example], entity_types=preset)
    system(example.reference.vocab.strings, actions, incorrect_spans_key=None).get_oracle_sequence(example)
    return aligned


def _crossed(example: Example, name: str) -> Iterator[TokenFinding]:
    """Yield the entities in which a sentence begins."""
    for ent in example.reference.ents:
        for span in example.get_aligned_spans_y2x([ent]):
            if token := next((token for token in span[1:] if token.is_sent_start), None):
                detail = f"{name} begins a sentence at {token.text!r}, inside {ent.text!r} {ent.label_}"
                yield TokenFinding(ent.start, ent.end, detail, "forbidden-entity")


def _preset(example: Example, name: str) -> Iterator[TokenFinding]:
    """Yield the entities that are set already and not the data's."""
    gold = {(ent.start_char, ent.end_char, ent.label) for ent in example.reference.ents}
    for ent in example.predicted.ents:
        if (ent.start_char, ent.end_char, ent.label) in gold:
            continue
        tokens = [example.reference[int(i)] for i in sorted({*example.alignment.x2y[ent.start : ent.end]})]
        if any(token.ent_iob for token in tokens):
            there = ", ".join(dict.fromkeys(token.ent_type_ or "no entity" for token in tokens))
            detail = f"{name} sets {ent.text!r} {ent.label_}; the data has {there} there"
            yield TokenFinding(tokens[0].i, tokens[-1].i + 1, detail, "forbidden-entity")
