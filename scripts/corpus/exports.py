"""A document with its spaces, as a line of JSON, or as lines of tokens and tags, for annotation tools."""

import json

from spacy.tokens import Doc

from scripts.cli import UserError

ENTITIES = ["ENT_IOB", "ENT_TYPE"]


def with_spaces(doc: Doc) -> Doc:
    """Return a shard's document with the text that its tokens and their noted spaces make, entities kept.

    Token-level documents are stored with unknown spaces, so that training keeps their tokens.
    """
    spaces = doc.user_data.get("spaces")
    if spaces is None or not doc.has_unknown_spaces:
        return doc
    words = [token.text for token in doc]
    made = Doc(doc.vocab, words=words, spaces=list(map(bool, spaces)), user_data=doc.user_data)
    return made.from_array(ENTITIES, doc.to_array(ENTITIES))


def spans_of(doc: Doc) -> list[dict]:
    """Return the entities by characters, as annotation tools write them."""
    return [{"start": ent.start_char, "end": ent.end_char, "label": ent.label_} for ent in doc.ents]


def as_jsonl(doc: Doc) -> str:
    """Return id, text, spans, group and source as a line of JSON; tokens where they are the data's own."""
    known, text = doc.user_data, with_spaces(doc)
    row = {"id": known["id"], "text": text.text, "spans": spans_of(text)}
    row |= {"group": known["group"]} if "group" in known else {}
    row["meta"] = {"source": known["source"]}
    if "spaces" in known:
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
    lines = [f"# newdoc id = {doc.user_data['id']}\n"]
    has_sentences = doc.has_annotation("SENT_START")
    for token in (token for token in doc if token.text.strip()):  # a shard's vocabulary knows no is_space
        if any(char in token.text for char in "\t\r\n"):
            what = f"the token {token.text!r} fits no line; write --format=jsonl"
            raise UserError(f"{doc.user_data['source']}: {what}")
        if has_sentences and token.i and token.is_sent_start:
            lines.append("\n")
        tag = f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type else "O"
        lines.append(f"{token.text}\t{tag}\n")
    return "".join([*lines, "\n"])
