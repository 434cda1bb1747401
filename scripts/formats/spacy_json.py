"""spaCy version 2's training files: documents of paragraphs of sentences of tokens, each with a BILUO tag."""

from scripts.formats.record import AnnotationError, Fault, Record, Source, made_id
from scripts.formats.registry import ReadOptions
from scripts.formats.spans import find_spans, short
from scripts.formats.tags import Tag, decode, find_scheme, parse_tag
from scripts.formats.words import words_record

MISSING = "-"


def count_tokens(row: dict) -> int:
    """Count the tokens that stand anywhere in a document."""
    count, waiting = 0, [row]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            count += "orth" in value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return count


def read_paragraphs(
    row: dict, source: Source, options: ReadOptions, *, id: str | None, group: str | None
) -> list[Record]:
    """Make a record of each paragraph of a document.

    Raises AnnotationError where a paragraph has no sentences or a token no text.
    """
    paragraphs = row["paragraphs"] or [{"sentences": []}]
    records = []
    for number, paragraph in enumerate(paragraphs, start=1):
        base = made_id(source) if id is None else id
        name = base if len(paragraphs) == 1 else f"{base}#{number}"
        records.append(_paragraph(paragraph, source, options, name, group))
    return records


def _paragraph(paragraph: dict, source: Source, options: ReadOptions, id: str, group: str | None) -> Record:
    try:
        sentences = [
            [(token["orth"], token.get("ner", MISSING)) for token in part["tokens"]]
            for part in paragraph["sentences"]
        ]
    except (TypeError, KeyError, AttributeError):
        raise AnnotationError(
            f'{source}: a paragraph needs "sentences" of "tokens" with "orth" and "ner": {short(paragraph)}'
        ) from None
    beside = find_spans(paragraph)
    if beside:
        path, spans = next(iter(beside.items()))
        remedy = 'write {"text": raw, "spans": these}'
        raise AnnotationError(
            f"{source}: a paragraph has spans under `{path}` beside the tags of its tokens: {short(spans)}; {remedy}"
        )
    if not all(
        isinstance(word, str) and word.strip() and isinstance(tag, str)
        for part in sentences
        for word, tag in part
    ):
        raise AnnotationError(
            f"{source}: a token has no text, or a tag that is no string: {short(paragraph)}; mend or delete it"
        )
    faults, read = [], []
    parsed = [[Tag("O", "") if tag == MISSING else parse_tag(tag) for _, tag in part] for part in sentences]
    for part, tags in zip(sentences, parsed, strict=True):
        wrong = next((tag for (_, tag), known in zip(part, tags, strict=True) if known is None), None)
        if wrong is not None:
            raise AnnotationError(f"{source}: {wrong!r} is no tag such as O, B-PER, I-PER, L-PER, U-PER or -")
    scheme = find_scheme(parsed)
    missing = sum(tag == MISSING for part in sentences for _, tag in part)
    if missing:
        total = sum(map(len, sentences))
        faults.append(
            Fault("missing-annotation", source, f"{missing} of {total} tokens; they are taken for O")
        )
    after = _spaces([word for part in sentences for word, _ in part], paragraph.get("raw"))
    for part, tags in zip(sentences, parsed, strict=True):
        words = [word for word, _ in part]
        entities, wrong = decode(tags, scheme)
        faults += [
            Fault(code, source, f"{words[token]!r}: {detail} ({scheme})") for token, code, detail in wrong
        ]
        if words:
            read.append((words, after[: len(words)] if after else None, entities))
            after = after[len(words) :] if after else None
    if not read:
        return Record(id, "", (), source, group=group)
    return words_record(source, read, lang=options.lang, id=id, group=group, faults=faults)


def _spaces(words: list[str], raw: object) -> list[bool] | None:
    """Say after which words the raw text has a space; None where it does not hold just these words."""
    if not isinstance(raw, str):
        return None
    spaces, at = [], len(raw) - len(raw.lstrip())
    for word in words:
        if not raw.startswith(word, at):
            return None
        at += len(word)
        gap = len(raw) - at - len(raw[at:].lstrip())
        spaces.append(gap > 0)
        at += gap
    return spaces if at == len(raw) else None
