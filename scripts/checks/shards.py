"""Checks on shards: every place is a shard and a document in it."""

from collections.abc import Iterator
from pathlib import Path

from spacy.attrs import ENT_IOB
from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.checks.catalogue import Finding, excerpt, finding
from scripts.corpus.ledger import Count
from scripts.corpus.shards import BEGIN, INSIDE, ShardError, check_shards, place_in_shard, read_manifest, read_shard
from scripts.corpus.tokenizer import load_tokenizer


def check_split(folder: Path, *, split: str, lang: str, labels: frozenset[str]) -> tuple[Count, list[Finding]]:
    """Check a split's shards against its manifest, and every document in them.

    Returns what was counted in documents without an illegal tag sequence, and the findings.
    """
    manifest = read_manifest(folder)
    findings: list[Finding] = []
    try:
        check_shards(folder, manifest)
    except ShardError as error:
        findings.append(finding("damaged-shard", split, folder.as_posix(), "", str(error)))
    count = Count()
    vocab = load_tokenizer(lang).vocab
    for path in sorted(folder.rglob("*.spacy")):
        findings += _check_shard(path, split, vocab, labels, count)
    counted = (count.documents, count.tokens, count.entities)
    listed = (manifest["documents"], manifest["tokens"], sum(manifest["entities"].values()))
    if counted != listed:
        detail = "documents, tokens, entities: {} in the shards, {} in the manifest".format(*map(str, (counted, listed)))
        findings.append(finding("ledger", split, folder.as_posix(), "", detail))
    return count, findings


def _check_shard(path: Path, split: str, vocab: Vocab, labels: frozenset[str], count: Count) -> Iterator[Finding]:
    try:
        for index, doc in enumerate(read_shard(path, vocab)):
            place = place_in_shard(doc, path, index)
            document = str(doc.user_data.get("id", index))
            illegal = list(_illegal_insides(doc))
            for i in illegal:
                detail = f"token {i} {doc[i].text!r} is I-{doc[i].ent_type_} after {_tag(doc, i - 1)}"
                yield finding("i-without-b", split, place, document, detail, excerpt(doc.text, doc[i].idx, doc[i].idx + len(doc[i])))
            if illegal:
                count.add(tokens=len(doc))
                continue
            count.add(tokens=len(doc), labels=[ent.label_ for ent in doc.ents])
            for ent in doc.ents:
                start, end = ent.start_char, ent.end_char
                if ent[0].is_space or ent[-1].is_space:
                    yield finding(
                        "whitespace-edge",
                        split,
                        place,
                        document,
                        f"tokens {ent.start}–{ent.end} {ent.text!r} {ent.label_}",
                        excerpt(doc.text, start, end),
                    )
                if labels and ent.label_ not in labels:
                    detail = f"{ent.label_!r} is none of {', '.join(sorted(labels))}"
                    yield finding("unknown-label", split, place, document, detail, excerpt(doc.text, start, end))
                if any(token.is_sent_start for token in ent[1:]):
                    yield finding(
                        "across-sentences", split, place, document, f"{ent.text!r} {ent.label_} holds a sentence's end", excerpt(doc.text, start, end)
                    )
    except ShardError as error:
        yield finding("damaged-shard", split, path.as_posix(), "", str(error))


def _illegal_insides(doc: Doc) -> Iterator[int]:
    """Yield each token tagged I that follows no B or I of its label, without asking spaCy for `doc.ents` (E093)."""
    iob = doc.to_array([ENT_IOB])
    for i, tag in enumerate(iob):
        if tag == INSIDE and (i == 0 or iob[i - 1] not in (INSIDE, BEGIN) or doc[i - 1].ent_type != doc[i].ent_type):
            yield i


def _tag(doc: Doc, i: int) -> str:
    if i < 0:
        return "the document's start"
    token = doc[i]
    return f"{token.ent_iob_ or '-'}{'-' + token.ent_type_ if token.ent_type_ else ''}"
