"""Checks that need the raw data: preprocessing makes them, and keeps each place in corpus/rejects.jsonl or corpus/mends.jsonl."""

from scripts.checks.catalogue import Severity, declare

declare(
    "NER102",
    "misaligned",
    Severity.error,
    """A span begins or ends inside a token.
    spaCy's `char_span` returns None for it; `offsets_to_biluo_tags` warns W030 and trains as if its tokens were unannotated. Either
    way the entity is lost. Often the offsets are wrong by one, count bytes, or belong to a text with other line ends.""",
    error="W030",
    remedy="move the span's ends to token edges, or set vars.align; if the tokens are wrong, change the text or the tokeniser",
    fix="unsafe",
    bad='{"text": "Ana went together home", "spans": [[9, 11, "LOC"]]}',
    good='{"text": "Ana went together home", "spans": [[9, 17, "LOC"]]}',
)
declare(
    "NER103",
    "overlap",
    Severity.error,
    """Two spans share some tokens.
    spaCy's ner holds one entity a token: setting both raises E1010 (E103 in tags), so that all but one are dropped. The longest stays.""",
    error="E1010",
    remedy="keep one of the two spans, or say which stays by vars.overlaps",
    fix="unsafe",
    bad='{"text": "New York City Hall", "spans": [[0, 13, "LOC"], [9, 18, "ORG"]]}',
    good='{"text": "New York City Hall", "spans": [[0, 13, "LOC"]]}',
)
declare(
    "NER104",
    "nested",
    Severity.error,
    """A span lies inside another.
    spaCy's ner cannot hold nested entities; the longer one stays. If nesting matters to you, use spancat.""",
    error="E1010",
    remedy="keep the outer or the inner span, or say which stays by vars.overlaps",
    fix="unsafe",
    bad='{"text": "University of Leeds", "spans": [[0, 19, "ORG"], [14, 19, "LOC"]]}',
    good='{"text": "University of Leeds", "spans": [[0, 19, "ORG"]]}',
)
declare(
    "NER105",
    "duplicate-span",
    Severity.warning,
    """The same span with the same label stands there twice.
    Nothing is lost: one stays. But a tool that writes spans twice may do worse elsewhere.""",
    error="E1010",
    remedy="delete one of the two",
    fix="safe",
    bad='{"text": "Ana went home", "spans": [[0, 3, "PERSON"], [0, 3, "PERSON"]]}',
    good='{"text": "Ana went home", "spans": [[0, 3, "PERSON"]]}',
)
declare(
    "NER106",
    "bad-offsets",
    Severity.error,
    """A span marks no text: it is empty, reversed, or reaches beyond the text's end.
    The entity cannot be placed and is dropped.""",
    remedy="give 0 ≤ start < end ≤ the text's length",
    fix="unsafe",
    bad='{"text": "Ana went home", "spans": [[9, 99, "LOC"]]}',
    good='{"text": "Ana went home", "spans": [[9, 13, "LOC"]]}',
)
declare(
    "NER108",
    "unreadable",
    Severity.error,
    """A record cannot be read: broken JSON, a row with other columns than the rest, bytes that are no UTF-8.
    The document is not in the corpus. With vars.on_error at its default, preprocessing stops at it; with `reject` it is told here.""",
    remedy="mend it as the message says",
    bad='{"text": "Ana went home", "spans": [[0, 3, "PERSON"]',
    good='{"text": "Ana went home", "spans": [[0, 3, "PERSON"]]}',
)
declare(
    "NER109",
    "other-text",
    Severity.error,
    """The offsets mark another text than the annotation quotes.
    The entity is dropped rather than learned in the wrong place. It comes of offsets in bytes or UTF-16 units, or of changed line ends.""",
    remedy="count offsets in characters of the text as it is",
    fix="unsafe",
    bad='{"text": "Ana went home", "spans": [{"start": 4, "end": 8, "label": "PERSON", "text": "Ana"}]}',
    good='{"text": "Ana went home", "spans": [{"start": 0, "end": 3, "label": "PERSON", "text": "Ana"}]}',
)
declare(
    "NER110",
    "discontinuous",
    Severity.error,
    """An entity consists of several pieces.
    spaCy's ner marks unbroken runs of tokens only, so the entity is dropped. brat writes such entities with a semicolon.""",
    remedy="annotate one piece, or the whole stretch",
    bad="brat:\nT1\tLOC 0 5;16 23\tNorth America\n\nNorth and South America",
    good="brat:\nT1\tLOC 10 23\tSouth America\n\nNorth and South America",
)
declare(
    "NER111",
    "illegal-sequence",
    Severity.error,
    """A tag breaks its scheme's rules: in BILUO an entity that never ends, in brackets one that is closed twice.
    Tools disagree on what it means, `spacy convert` guesses without a word. Here it is read by the stated rule (an I or L without its B begins an
    entity, an unfinished one ends before the next tag) and told.""",
    remedy="mend the tags; if they are of another scheme than was told, see vars.columns",
    fix="safe",
    bad="columns:\nAna B-PER\nleft O\nCork L-LOC\n\nBo U-PER\nran O",
    good="columns:\nAna U-PER\nleft O\nCork U-LOC\n\nBo U-PER\nran O",
)
declare(
    "NER126",
    "offset-units",
    Severity.warning,
    """Nothing tells whether a file's offsets count characters or UTF-16 units.
    JavaScript and Java count an emoji as two, Python as one; behind it every span would move. Where spans fit only one way, preprocessing stops
    and says so; here they fit both ways, and were taken for characters.""",
    remedy="look at a span behind an emoji, and say what is right by --offsets=utf-16 or --offsets=characters (vars.offsets)",
    bad='{"text": "🚢🚢 I A B C D met", "spans": [[7, 8, "PERSON"], [9, 10, "PERSON"]]}',
    good='{"text": "🚢 Ana met Bo", "spans": [[2, 5, "PERSON"]]}',
)
declare(
    "NER127",
    "cut-in-sentence",
    Severity.warning,
    """A document was cut where no sentence starts, because none starts within vars.max_tokens.
    Both pieces are trained on as if they were whole. Often the text has no sentence ends that are seen: a list, a table, another script.""",
    remedy="divide the document yourself, or raise vars.max_tokens",
    bad='max_tokens: 10\n{"text": "went home ×20", "spans": []}',
    good='max_tokens: 10\n{"text": "Ana went home. Bo went home. Cy went home. Di went home.", "spans": []}',
)
declare(
    "NER128",
    "white-space-token",
    Severity.error,
    """An entity consists of white space alone: in a column file its token is a blank.
    Such tokens are dropped, since spaCy's ner cannot begin an entity at one, and the entity with them.""",
    remedy="delete the row, or write its token",
    bad="columns:\nAna\tB-PER\n\u00a0\tB-LOC\nleft\tO",
    good="columns:\nAna\tB-PER\nCork\tB-LOC\nleft\tO",
)
