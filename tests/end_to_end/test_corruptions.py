"""Random corruptions of sound documents: whatever spaCy trips over or loses something of is named, and sound
documents are not.
"""

import random
from collections import Counter
from functools import cache

import pytest
import spacy
from spacy.pipeline import EntityRecognizer
from spacy.tokens import DocBin
from spacy.util import load_config, load_model_from_config, minibatch, registry, resolve_dot_names

from scripts.checks.catalogue import Severity
from scripts.checks.doc_view import TaggedShard
from scripts.corpus.shards import ShardError
from tests.drawn import examined, sound_doc, write_config
from tests.spoiling import CORRUPTIONS, MAX_LENGTH, SIZE, UNREADABLE, Draft, write_drafts

PER_FILE = 50


@cache
def nlp():
    return spacy.blank("en")


def spoilt(draw):
    """Return a sound document, one in three as it is, others with one corruption or more; and their names."""
    while True:
        draft = Draft(sound_doc(draw, nlp().vocab))
        names = draw.sample(sorted(CORRUPTIONS), draw.choice((1, 1, 1, 2, 3))) if draw.random() < 0.67 else []
        try:
            for name in names:
                CORRUPTIONS[name](draft, draw)
        except (IndexError, ValueError, TypeError):  # there is no entity, or none so long, or no text
            continue
        return draft, names


def write_files(folder, drafts):
    """Write documents to files of fifty, those that make a file unreadable each to its own; return the place
    of each, and the files.
    """
    groups, places = [[]], []
    for draft, names in drafts:
        alone = bool(UNREADABLE & set(names))
        if alone or len(groups[0]) == PER_FILE:
            groups[0:0] = [[]]
        groups[0].append(draft)
        places.append((len(groups), len(groups[0]) - 1))
        if alone:
            groups[0:0] = [[]]
    files = []
    for number, group in enumerate(reversed(groups), 1):
        files.append(folder / f"{number:05d}.spacy")
        write_drafts(files[-1], group, nlp().vocab)
    return [f"{(folder / f'{number:05d}.spacy').as_posix()}#{index}" for number, index in places], files


def verdicts(path, reader, batcher):
    """Return of each document of a file what spaCy makes of it: its error, or what it loses, or nothing."""
    found = []
    try:
        for doc in DocBin().from_disk(path).get_docs(nlp().vocab):
            found.append(verdict(doc, reader, batcher))
    except Exception as error:
        found.append(f"cannot be read: {shortened(error)}")
    return found


def verdict(doc, reader, batcher):
    try:
        entities = len(doc.ents)
        examples = list(reader.make_examples(nlp(), [doc]))
        for example in examples:
            actions = EntityRecognizer.TransitionSystem.get_actions(examples=[example])
            moves = EntityRecognizer.TransitionSystem(nlp().vocab.strings, actions, incorrect_spans_key=None)
            moves.get_oracle_sequence(example)
        arrived = [example for batch in batcher(examples) for example in batch]
        tags = [tag for example in arrived for tag in example.get_aligned_ner()]
    except Exception as error:
        return shortened(error)
    if sum(len(example.reference) for example in arrived) < len(doc):
        return "tokens are lost"
    return "entities are lost" if sum(tag is not None and tag[0] in "BU" for tag in tags) < entities else ""


def shortened(error):
    return f"{type(error).__name__} {str(error)[:6]}".strip()


def told_of(seed, count, folder, max_length):
    """Corrupt and examine; return documents with the names of their corruptions, what is told of each by
    place, the files and the config.
    """
    draw = random.Random(seed)
    drafts = [spoilt(draw) for _ in range(count)]
    places, files = write_files(folder / "data", drafts)
    batcher = {
        "@batchers": "spacy.batch_by_words.v1",
        "size": SIZE,
        "tolerance": 0.2,
        "discard_oversize": True,
    }
    config_file = write_config(
        folder / "config.cfg", folder / "data", corpora={"max_length": max_length}, batcher=batcher
    )
    told = {place: set() for place in places}
    for finding in examined(files, config_file, ("train",)).findings:
        told[finding.shard if "#" in finding.shard else f"{finding.shard}#0"].add(
            (finding.slug, finding.severity)
        )
    return drafts, told, files, load_config(config_file.path)


def run(seed, count, folder, max_length):
    """Corrupt, examine and judge; return what is missed, what is told of sound documents, and counts of both
    sides.
    """
    drafts, told, files, config = told_of(seed, count, folder, max_length)
    config = config.interpolate()
    (reader,) = resolve_dot_names(config, ["corpora.train"])
    batch = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    judged = {
        f"{path.as_posix()}#{i}": one for path in files for i, one in enumerate(verdicts(path, reader, batch))
    }
    counts = Counter()
    missed, invented = [], []
    for place, (draft, names) in zip(told, drafts, strict=True):
        errors = {slug for slug, severity in told[place] if severity is Severity.error}
        for name in names or ["sound"]:
            counts[name, "documents"] += 1
            counts[name, "spaCy trips or loses"] += bool(judged[place])
            counts[name, "named by an error"] += bool(errors)
        counts["all", "corrupted"] += bool(names)
        counts.update(("check", slug) for slug, _ in told[place])
        counts["spaCy", judged[place]] += 1
        if judged[place] and not errors:
            missed.append((judged[place], names, draft.words, draft.iob, draft.types))
        if not names and (judged[place] or told[place]):
            invented.append((judged[place], told[place], draft.words, draft.iob, draft.types))
    return missed, invented, counts


@pytest.mark.parametrize("max_length", [0, MAX_LENGTH])
def test_whatever_spacy_trips_over_or_loses_is_named_and_sound_documents_are_not(max_length, tmp_path):
    missed, invented, counts = run(1, 250, tmp_path, max_length)
    assert not missed
    assert not invented
    assert all(counts[name, "documents"] for name in CORRUPTIONS)


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_the_first_document_that_spacy_cannot_read_is_named(name, tmp_path):
    draw = random.Random(name)
    drafts = [Draft(sound_doc(draw, nlp().vocab)) for _ in range(9)]
    for draft in drafts[6:]:
        CORRUPTIONS[name](draft, draw)
    write_drafts(tmp_path / "a.spacy", drafts, nlp().vocab)
    with pytest.raises((ValueError, KeyError), match=r"E018|E031|E982"):
        list(DocBin().from_disk(tmp_path / "a.spacy").get_docs(nlp().vocab))
    with pytest.raises(ShardError, match=r"only up to document 6, which has .* at token"):
        _ = TaggedShard(tmp_path / "a.spacy").texts


def test_documents_that_no_error_names_are_trained_on_and_scored_to_the_end(tmp_path):
    drafts, told, _, config = told_of(22, 200, tmp_path, 0)
    kept = [
        draft
        for (draft, _), found in zip(drafts, told.values(), strict=True)
        if Severity.error not in {severity for _, severity in found}
    ]
    write_drafts(tmp_path / "kept.spacy", kept, nlp().vocab)
    config["paths"] |= dict.fromkeys(("train", "dev"), (tmp_path / "kept.spacy").as_posix())
    pipeline = load_model_from_config(config.interpolate(), auto_fill=True)
    train, dev = resolve_dot_names(config.interpolate(), ["corpora.train", "corpora.dev"])
    pipeline.initialize(lambda: train(pipeline))
    arrived = 0
    for batch in minibatch(train(pipeline), 50):
        pipeline.update(batch)
        arrived += len(batch)
    assert arrived == sum(bool(draft.words) for draft in kept) > 60
    pipeline.evaluate(dev(pipeline))


@pytest.mark.slow
@pytest.mark.long
def test_so_it_is_of_ten_thousand_corrupted_documents(tmp_path, capsys):
    counts = Counter()
    for seed in range(2, 35):
        missed, invented, more = run(seed, 500, tmp_path / str(seed), seed % 2 * MAX_LENGTH)
        assert not missed, seed
        assert not invented, seed
        counts += more
    assert counts["all", "corrupted"] >= 10_000
    with capsys.disabled():
        print(
            f"\n{counts['all', 'corrupted']:,} corrupted: documents, spaCy trips or loses, named by an error",
            end="",
        )
        for name in ("sound", *CORRUPTIONS):
            numbers = [
                f"{counts[name, what]:6,}"
                for what in ("documents", "spaCy trips or loses", "named by an error")
            ]
            print(f"\n{name:26}", *numbers, end="")
        for kind in ("spaCy", "check"):
            print(
                f"\n\n{kind}: "
                + ", ".join(
                    f"{what or 'nothing'} {count:,}" for (k, what), count in counts.most_common() if k == kind
                )
            )
