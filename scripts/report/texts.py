"""The text of a test document, as its pipeline is given it."""

from spacy.tokens import Doc, Span


def with_spaces(doc: Doc) -> Doc:
    """Return a shard's document with the text that its tokens and their noted spaces make, entities kept.

    Token-level documents are stored with unknown spaces, so that training keeps their tokens.
    """
    spaces = doc.user_data.get("spaces")
    if spaces is None:
        return doc
    words = [token.text for token in doc]
    made = Doc(doc.vocab, words=words, spaces=[bool(flag) for flag in spaces], user_data=doc.user_data)
    made.set_ents(
        [Span(made, ent.start, ent.end, label=ent.label) for ent in doc.ents],
        missing=[made[token.i : token.i + 1] for token in doc if not token.ent_iob],
    )
    return made
