"""Counts and scores, beside those of spaCy and, where they are installed, seqeval and nervaluate."""

import pytest
import spacy
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from scripts.report.counts import count, score
from scripts.report.matching import pair_entities
from scripts.report.scores import predict
from tests.report.drawn_entities import TOKENS, draw_corpus

SEEDS = range(5)


def pairs_of(gold, predicted):
    return [pair_entities(*documents) for documents in zip(gold, predicted, strict=True)]


def test_counts_of_a_document_by_rule_and_label():
    gold = [[(0, 3, "PER"), (4, 6, "LOC")], []]
    predicted = [[(0, 3, "PER"), (4, 7, "LOC"), (8, 9, "LOC")], [(0, 1, "PER")]]
    exact, partial, boundary = [1, 2, 1], [2, 1, 0], [1, 2, 1]
    wrong, loc, per = [0, 1, 0], [0, 2, 1], [1, 0, 0]
    assert count(pairs_of(gold, predicted), ["LOC", "PER"]).tolist() == [
        [exact, partial, boundary, loc, per],
        [wrong, wrong, wrong, [0, 0, 0], wrong],
    ]


def test_scores_say_what_was_taken_for_what():
    gold = [[(0, 3, "PER"), (4, 6, "LOC"), (7, 9, "LOC"), (10, 12, "ORG")]]
    predicted = [[(0, 3, "ORG"), (4, 6, "LOC"), (7, 8, "LOC"), (20, 22, "PER")]]
    found = score(pairs_of(gold, predicted))
    assert found["confusion"] == {"": {"PER": 1}, "LOC": {"LOC": 2}, "ORG": {"": 1}, "PER": {"ORG": 1}}
    assert (found["support"], found["tp"], found["fp"], found["fn"]) == (4, 1, 3, 3)
    assert found["ents_per_type"]["LOC"] == {
        "p": 0.5,
        "r": 0.5,
        "f": 0.5,
        "support": 2,
        "tp": 1,
        "fp": 1,
        "fn": 1,
    }
    assert found["macro"]["f"] == pytest.approx(0.5 / 3)
    assert [found[rule]["tp"] for rule in ("partial", "boundary")] == [2, 2]
    assert sum(found["kinds"].values()) == 5


def test_nothing_at_all_scores_zero():
    found = score([[], []])
    assert (found["ents_f"], found["macro"]["f"], found["ents_per_type"]) == (0.0, 0.0, {})


def make(nlp, entities, missing=()):
    doc = Doc(nlp.vocab, words=[f"w{i % 10}" for i in range(TOKENS)])
    missing = [Span(doc, i, i + 1) for i in missing]
    doc.set_ents([Span(doc, start, end, label=label) for start, end, label in entities], missing=missing)
    return doc


class Answers:
    """A pipeline that predicts what it is told."""

    def __init__(self, predicted):
        self.tokenizer = spacy.blank("en")
        self.vocab = self.tokenizer.vocab
        self.predicted = predicted

    def has_pipe(self, name):
        return False

    def pipe(self, docs):
        for given, entities in zip(docs, self.predicted, strict=True):
            doc = self.tokenizer(given) if isinstance(given, str) else given
            doc.set_ents([Span(doc, *entity) for entity in entities])
            yield doc


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("unannotated", [0, 4])
def test_scores_are_those_of_spacy(seed, unannotated):
    """Also where some tokens have no annotation: what is predicted there is neither right nor wrong."""
    gold, predicted = draw_corpus(seed, 40)
    nlp = Answers(predicted)
    free = [[i for i in range(TOKENS) if not any(s <= i < e for s, e, _ in ents)] for ents in gold]
    docs = [make(nlp, ents, missing[:unannotated]) for ents, missing in zip(gold, free, strict=True)]
    rows = predict(nlp, docs)
    examples = [Example(make(nlp, ents), doc) for ents, doc in zip(predicted, docs, strict=True)]
    wanted = get_ner_prf(examples)
    for name in ("gold_tokens", "raw_text"):
        found = score([pair_entities(row["gold"], row[name]) for row in rows])
        for key in ("ents_p", "ents_r", "ents_f"):
            assert found[key] == pytest.approx(wanted[key], abs=1e-9)
        for label, numbers in wanted["ents_per_type"].items():
            for key in "prf":
                assert found["ents_per_type"][label][key] == pytest.approx(numbers[key], abs=1e-9)


def as_tags(entities):
    tags = ["O"] * TOKENS
    for start, end, label in entities:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_are_those_of_seqeval(seed):
    metrics = pytest.importorskip("seqeval.metrics")
    gold, predicted = draw_corpus(seed, 40)
    tags = [[*map(as_tags, each)] for each in (gold, predicted)]
    found = score(pairs_of(gold, predicted))
    for average, numbers in (
        ("micro", [found[f"ents_{key}"] for key in "prf"]),
        ("macro", [*found["macro"].values()]),
    ):
        scorers = (metrics.precision_score, metrics.recall_score, metrics.f1_score)
        wanted = [scorer(*tags, average=average) for scorer in scorers]
        assert numbers == pytest.approx(wanted, abs=1e-9)


def nervaluate_counts(evaluate, gold, predicted):
    """Correct ones by each rule. Its ends are inclusive."""
    given = [
        [[{"label": label, "start": s, "end": e - 1} for s, e, label in ents] for ents in each]
        for each in (gold, predicted)
    ]
    labels = sorted({label for each in gold for *_, label in each})
    overall = evaluate.Evaluator(*given, tags=labels, loader="dict").evaluate()["overall"]
    return {rule: overall[rule].correct for rule in ("strict", "ent_type", "exact")}


def test_rules_are_those_of_nervaluate():
    """Where no entity overlaps two: it takes the first that overlaps, and so depends on the order."""
    evaluate = pytest.importorskip("nervaluate")
    gold, predicted = draw_corpus(0, 400)
    simple = [
        number
        for number, (one, two) in enumerate(zip(gold, predicted, strict=True))
        if all(
            sum(a[0] < b[1] and b[0] < a[1] for b in others) < 2
            for each, others in ((one, two), (two, one))
            for a in each
        )
    ]
    assert len(simple) > 50
    gold, predicted = [gold[i] for i in simple], [predicted[i] for i in simple]
    found = score(pairs_of(gold, predicted))
    wanted = nervaluate_counts(evaluate, gold, predicted)
    assert wanted == {
        "strict": found["tp"],
        "ent_type": found["partial"]["tp"],
        "exact": found["boundary"]["tp"],
    }
