"""Find suspected annotation errors: places of the test set where all variants agree, but not with gold."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from scripts.corpus.files import write_text
from scripts.report.errors import Place, Text, find_places, in_text
from scripts.report.matching import Entity
from scripts.report.predictions import Run
from scripts.report.slices import Uses, surface_form


@dataclass(slots=True)
class Suspect:
    """A place where all variants agree against gold, and what each side alone has there."""

    place: Place
    gold: list[Entity]
    suggested: list[Entity]
    score: float  # at first, which share of the predictions agree
    reason: str = ""


def find_suspects(runs: dict[str, list[Run]]) -> list[Suspect]:
    """Return where most runs, and at least one of each variant, predict the same, and not what gold has."""
    variants, suspects = [name for name, seeds in runs.items() for _ in seeds], []
    for place in find_places([*chain(*runs.values())]):
        gold, predicted = {pair[0] for _, pair in place.pairs} - {None}, [set() for _ in variants]
        for run, pair in place.pairs:
            predicted[run] |= {pair[1]} - {None}
        most = Counter(map(frozenset, predicted)).most_common(1)[0][0]
        agree = [name for name, entities in zip(variants, predicted, strict=True) if entities == most]
        if most != gold and {*agree} == {*variants}:
            share = len(agree) / len(variants)
            suspects.append(Suspect(place, sorted(gold - most), sorted(most - gold), share))
    return suspects


def forms_of(suspects: list[Suspect], texts: dict[int, Text]) -> set[str]:
    """Return the surface forms whose uses in train say how suspicious a place is."""
    return {
        surface_form(texts[one.place.document].text[start:end])
        for one in suspects
        for start, end, _ in (*one.gold, *one.suggested)
    }


def rank_suspects(suspects: list[Suspect], texts: dict[int, Text], uses: Uses | None) -> list[Suspect]:
    """Weigh how often train has what is suggested against how often it has what gold has, and say why; return
    the most suspicious first. uses: of train's forms, if there is one.
    """
    for one in suspects:
        text, sides, said, counts = texts[one.place.document].text, (one.suggested, one.gold), [], []
        for ours, others in (sides, sides[::-1]):
            used = [(text[s:e], label) for s, e, label in ours] or [(text[s:e], "") for s, e, _ in others]
            counts.append(sum((uses or {}).get(surface_form(form), {}).get(label, 0) for form, label in used))
            shown = [(" ".join(form.split())[:60], label or "no entity") for form, label in used]
            words = ", ".join(f"{form} as {label}" for form, label in shown)
            said.append(words if uses is None else f"{words} ({counts[-1]} × in train)")
        one.reason = f"{100 * one.score:.0f} % predict {said[0]}, gold has {said[1]}"
        one.score = round(one.score * (counts[0] + 1) / (sum(counts) + 2), 4)
    return sorted(suspects, key=lambda one: (-one.score, not one.suggested))


def write_suspects(
    path: Path, suspects: list[Suspect], texts: dict[int, Text], *, most: int = 10_000
) -> list[dict]:
    """Write a row a document, of the `most` suspicious places; return what the page shows of the first 20."""
    by_document: dict[int, list[tuple[int, Suspect]]] = {}
    for rank, suspect in enumerate(suspects[:most], 1):
        by_document.setdefault(suspect.place.document, []).append((rank, suspect))
    lines, shown = [], {}
    for document, ranked in by_document.items():
        row, places = json.loads(texts[document].row), []
        gold = suggested = {(span["start"], span["end"], span["label"]) for span in row["spans"]}
        for rank, one in ranked:
            places.append({"rank": rank, "score": one.score, "reason": one.reason} | row["meta"])
            suggested = suggested.difference(one.gold).union(one.suggested)
            if rank <= 20:
                entities = sorted(gold), [sorted(gold.difference(one.gold).union(one.suggested))]
                shown[rank] = places[-1] | in_text(one.place, texts[document], *entities)
        spans = [{"start": start, "end": end, "label": label} for start, end, label in sorted(suggested)]
        row = places[0] | row | {"suggested": spans, "places": places}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))
    return [shown[rank] for rank in sorted(shown)]
