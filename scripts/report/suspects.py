"""Find suspected annotation errors: places of the test set where all variants agree, but not with gold."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scripts.corpus.exports import as_jsonl
from scripts.corpus.files import write_text
from scripts.corpus.stream import find_shards
from scripts.report.errors import INPUT, Place, find_places, in_text, read_documents
from scripts.report.matching import Entity
from scripts.report.predictions import Run
from scripts.report.slices import count_forms, surface_form


@dataclass(slots=True)
class Suspect:
    """A place where all variants agree against gold, and what each side alone has there, with its text."""

    document: int
    place: Place
    gold: dict[Entity, str]
    suggested: dict[Entity, str]
    score: float  # at first, which share of the predictions agree
    reason: str = ""


def find_suspects(runs: dict[str, list[Run]], corpus: Path) -> list[Suspect]:
    """Return the places where all variants agree against gold, the most suspicious first."""
    variants, by_document = [name for name, seeds in runs.items() for _ in seeds], {}
    for document, rows in enumerate(zip(*(run.rows for each in runs.values() for run in each), strict=True)):
        for place in find_places(rows[0]["gold"], [row[INPUT] for row in rows]):
            if suspect := agreed(document, place, variants):
                by_document.setdefault(document, []).append(suspect)
    for document, doc in read_documents(corpus, by_document):
        text = doc.text
        for side in (side for one in by_document[document] for side in (one.gold, one.suggested)):
            side.update((entity, text[entity[0] : entity[1]]) for entity in [*side])
    suspects = [one for each in by_document.values() for one in each]
    forms = {surface_form(text) for one in suspects for text in (one.gold | one.suggested).values()}
    uses = count_forms(find_shards(corpus / "train"), forms)
    for one in suspects:
        judge(one, uses)
    return sorted(suspects, key=lambda one: (-one.score, not one.suggested))


def agreed(document: int, place: Place, variants: list[str]) -> Suspect | None:
    """Return what most runs predict at a place, and of each variant at least one; None where gold has it."""
    gold, predicted = {pair[0] for _, pair in place.pairs} - {None}, [set() for _ in variants]
    for run, pair in place.pairs:
        predicted[run] |= {pair[1]} - {None}
    most = Counter(map(frozenset, predicted)).most_common(1)[0][0]
    agree = [name for name, entities in zip(variants, predicted, strict=True) if entities == most]
    if most == gold or {*agree} != {*variants}:
        return None
    sides = (dict.fromkeys(sorted(side), "") for side in (gold - most, most - gold))
    return Suspect(document, place, *sides, len(agree) / len(variants))


def judge(suspect: Suspect, uses: Counter[tuple[str, str]]) -> None:
    """Weigh how often train has what is suggested against how often it has what gold has; say why."""
    said, counts, sides = [], [], (suspect.suggested, suspect.gold)
    for ours, others in (sides, sides[::-1]):
        texts = [(text, entity[2]) for entity, text in ours.items()] or [(one, "") for one in others.values()]
        counts.append(sum(uses[surface_form(text), label] for text, label in texts))
        words = ", ".join(f"{' '.join(text.split())[:60]} as {label or 'no entity'}" for text, label in texts)
        said.append(f"{words} ({counts[-1]} × in train)")
    suspect.reason = f"{100 * suspect.score:.0f} % predict {said[0]}, gold has {said[1]}"
    suspect.score = round(suspect.score * (counts[0] + 1) / (sum(counts) + 2), 4)


def write_suspects(path: Path, suspects: list[Suspect], corpus: Path, *, most: int = 10_000) -> list[dict]:
    """Write a row a document, of the `most` suspicious places; return what the page shows of the first 20."""
    by_document: dict[int, list[tuple[int, Suspect]]] = {}
    for rank, suspect in enumerate(suspects[:most], 1):
        by_document.setdefault(suspect.document, []).append((rank, suspect))
    lines, shown = dict.fromkeys(by_document, ""), {}
    for document, doc in read_documents(corpus, by_document):
        text, starts, row = doc.text.rstrip(), [token.idx for token in doc], json.loads(as_jsonl(doc))
        source, places = row["meta"]["source"], []
        gold = suggested = {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}
        for rank, one in by_document[document]:
            places.append({"rank": rank, "score": one.score, "reason": one.reason, "source": source})
            suggested = suggested - one.gold.keys() | one.suggested.keys()
            if rank <= 20:
                entities = sorted(gold), [sorted(gold - one.gold.keys() | one.suggested.keys())]
                shown[rank] = places[-1] | in_text(one.place, text, starts, *entities)
        spans = [{"start": start, "end": end, "label": label} for start, end, label in sorted(suggested)]
        row = places[0] | row | {"suggested": spans, "places": places}
        lines[document] = json.dumps(row, ensure_ascii=False) + "\n"
    write_text(path, "".join(lines.values()))
    return [shown[rank] for rank in sorted(shown)]
