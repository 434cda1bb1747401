"""A document as a line of JSON, or as lines of tokens and tags, for annotation tools and this project."""

import json

from spacy.tokens import Doc

from scripts.cli import UserError


def as_jsonl(doc: Doc) -> str:
    """Return id, text, spans, group and source as a line of JSON; tokens where they are the data's own."""
    known, own = doc.user_data, doc.user_data.get("spaces")
    text = doc
    if own is not None:  # spaCy is told that spaces are unknown
        text = Doc(doc.vocab, words=[token.text for token in doc], spaces=list(map(bool, own)))
    spans = [text[ent.start : ent.end] for ent in doc.ents]
    row = {"id": known["id"], "text": text.text}
    row["spans"] = [
        {"start": span.start_char, "end": span.end_char, "label": ent.label_}
        for span, ent in zip(spans, doc.ents, strict=True)
    ]
    row |= {"group": known["group"]} if "group" in known else {}
    row["meta"] = {"source": known["source"]}
    if own is not None:
        row["tokens"] = [
            {
                "text": token.text,
                "start": token.idx,
                "end": token.idx + len(token),
                "id": token.i,
                "ws": bool(token.whitespace_),
            }
            for token in text
        ]
    return json.dumps(row, ensure_ascii=False) + "\n"


def as_conll(doc: Doc) -> str:
    """Return tokens with their tags, a line each; a blank line stands between sentences that are known."""
    tags = {
        i: f"{'I' if i > ent.start else 'B'}-{ent.label_}"
        for ent in doc.ents
        for i in range(ent.start, ent.end)
    }
    lines = [f"# newdoc id = {doc.user_data['id']}\n"]
    has_sentences = doc.has_annotation("SENT_START")
    for token in doc:
        if not token.text.strip():  # a shard's vocabulary does not know is_space
            continue
        if any(char in token.text for char in "\t\r\n"):
            raise UserError(
                f"{doc.user_data['source']}: the token {token.text!r} fits no line; write --format=jsonl"
            )
        if has_sentences and token.i and token.is_sent_start:
            lines.append("\n")
        lines.append(f"{token.text}\t{tags.get(token.i, 'O')}\n")
    return "".join([*lines, "\n"])
