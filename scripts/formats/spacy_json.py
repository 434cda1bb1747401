"""spaCy version 2's training files: documents of paragraphs of sentences of tokens, each with a BILUO tag."""

import re

from scripts.formats.record import AnnotationError, Fault, Record, Source, fail
from scripts.formats.spans import find_spans, short
from scripts.formats.tags import find_scheme, parse_tag
from scripts.formats.words import tagged_record

MISSING = "-"
BLANK = re.compile(r"\s*")


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


def read_paragraphs(row: dict, source: Source, *, id: str, **details) -> list[Record]:
    """Make a record of each paragraph of a document. details: as `words_record` has."""
    paragraphs = row["paragraphs"] or [{"sentences": []}]
    names = [id] if len(paragraphs) == 1 else [f"{id}#{i}" for i in range(1, len(paragraphs) + 1)]
    pairs = zip(paragraphs, names, strict=True)
    return [_paragraph(paragraph, source, id=name, **details) for paragraph, name in pairs]


def _paragraph(paragraph: dict, source: Source, **details) -> Record:
    try:
        sentences = [
            [(token["orth"], token.get("ner", MISSING)) for token in part["tokens"]]
            for part in paragraph["sentences"]
        ]
    except (TypeError, KeyError, AttributeError):
        needs = 'a paragraph needs "sentences" of "tokens" with "orth" and "ner"'
        raise AnnotationError(f"{source}: {needs}: {short(paragraph)}") from None
    for path, spans in find_spans(paragraph).items():
        what = f"a paragraph has spans under `{path}` beside the tags of its tokens: {short(spans)}"
        fail(source, what, 'write {"text": raw, "spans": these}')
    tokens = [token for part in sentences for token in part]
    if not all(isinstance(word, str) and word.strip() and isinstance(tag, str) for word, tag in tokens):
        what = f"a token has no text, or a tag that is no string: {short(paragraph)}"
        fail(source, what, "repair or delete it")
    parsed = [[parse_tag("O" if tag == MISSING else tag) for _, tag in part] for part in sentences]
    tags = [tag for part in parsed for tag in part]
    if None in tags:
        what = f"{tokens[tags.index(None)][1]!r} is no tag such as O, B-PER, I-PER, L-PER, U-PER or -"
        fail(source, what, "repair it")
    faults = []
    if missing := sum(tag == MISSING for _, tag in tokens):
        detail = f"{missing} of {len(tokens)} tokens; they are taken for O"
        faults.append(Fault("missing-annotation", source, detail))
    after = _spaces([word for word, _ in tokens], paragraph.get("raw"))
    read, end = [], 0
    for part, tags in zip(sentences, parsed, strict=True):
        start, end = end, end + len(part)
        read.append(([word for word, _ in part], after and after[start:end], tags, [source.line] * len(part)))
    return tagged_record(source, read, find_scheme(parsed), faults=faults, **details)._replace(lines=())


def _spaces(words: list[str], raw: object) -> list[bool] | None:
    """Say after which words the raw text has a space; None where it does not hold just these words."""
    if not isinstance(raw, str):
        return None
    spaces: list[bool] = []
    at = BLANK.match(raw).end()
    for word in words:
        if not raw.startswith(word, at):
            return None
        end = at + len(word)
        at = BLANK.match(raw, end).end()
        spaces.append(at > end)
    return spaces if at == len(raw) else None
