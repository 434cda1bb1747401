"""Corpora drawn at random whose content is known: frequent words and names, and odd tokens on request."""

import random
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from scripts.formats.record import Record

WORDS = """the/DT/the of/IN/of and/CC/and to/TO/to a/DT/a in/IN/in ,/,/, ././. is/VBZ/be was/VBD/be
for/IN/for that/IN/that on/IN/on with/IN/with he/PRP/he by/IN/by it/PRP/it as/IN/as at/IN/at from/IN/from
his/PRP$/his said/VBD/say has/VBZ/have be/VB/be an/DT/an are/VBP/be were/VBD/be not/RB/not 's/POS/'s
have/VBP/have "/''/" this/DT/this they/PRP/they who/WP/who will/MD/will year/NN/year (/(/( )/)/) but/CC/but
its/PRP$/its which/WDT/which had/VBD/have two/CD/two more/JJR/more people/NNS/people after/IN/after
The/DT/the new/JJ/new their/PRP$/their or/CC/or I/PRP/I first/JJ/first one/CD/one percent/NN/percent
years/NNS/year do/VBP/do government/NN/government In/IN/in 1/CD/1 officials/NNS/official been/VBN/be
would/MD/would time/NN/time last/JJ/last out/RP/out up/RP/up -/:/- 's/VBZ/be n't/RB/not minister/NN/minister
killed/VBD/kill say/VBP/say ?/./? over/IN/over about/IN/about we/PRP/we company/NN/company 2004/CD/2004
when/WRB/when city/NN/city three/CD/three during/IN/during against/IN/against into/IN/into war/NN/war
He/PRP/he trade/NN/trade told/VBD/tell --/:/-- shares/NNS/share rose/VBD/rise 3.5/CD/3.5 $/$/$ 10/CD/10
%/NN/% market/NN/market lol/UH/lol u/PRP/you love/VBP/love so/RB/so played/VBD/play goal/NN/goal
match/NN/match :/:/: ;/:/; !/./! old/JJ/old small/JJ/small ran/VBD/run home/RB/home left/VBD/leave
reported/VBD/report talks/NNS/talk 1996-08-22/CD/1996-08-22 &/CC/& ``/``/`` won/VBD/win early/RB/early
A/DT/a If/IN/if O/NNP/O protein/NN/protein patients/NNS/patient cells/NNS/cell mutation/NN/mutation
chronic/JJ/chronic Grüße/NN/Gruß für/APPR/für naïve/JJ/naïve"""
NAMES = """Ana Bo Cork Leeds Acme Smith London Paris Obama Barack France U.S. Germany European Union Bank of
America Reuters Müller Zürich O'Neill Jean-Luc AT&T New York Times United Nations Manchester City al-Qaida
EU Apple 3M Q1 Mary Jane X Łódź Ærø cancer BRCA1 Windows 10"""
ZH = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说"
    "产种面而方后多定行学法所民"
)
HOSTILE = """O B-PER I-LOC B I # ## #1 #yolo #2020 " "" ' '' , ;, | a|b / and/or \\ _ - -- * (A) [SEP] <b>
<s> &amp; 0 1 12 1.5 2-3 2.1 1/2 10:30 NER=B-PER SpaceAfter=No PER LOC -DOCSTART- 😀 👍🏽 https://x.org/a?b=c,d
@ana http://t.co/#1 B_PER PER-B s1.t2 Sentence: O, o null NaN nan None N/A true [ ] { } {} [] ... 1-1 0-3
*[1] PER[1] #Text=x % é ́ ﷽ 北京 Ω\u200d \u200b a\u00a0b \u00ad""".replace("\n", " ").split(" ")
WHITE_SPACE = ("\u00a0", "\u3000", "\u2028", "\ufeff")
LABELS = (
    ("PER", "LOC", "ORG", "MISC"),
    ("PERSON", "GPE", "ORG", "DATE", "WORK_OF_ART", "CARDINAL", "NORP"),
    ("person", "location", "corporation", "creative-work", "group", "product"),
    ("geo", "gpe", "per", "org", "tim", "art", "nat", "eve"),
    ("Disease", "Chemical"),
    ("PER", "PERderiv", "LOCpart", "OTH", "ORG"),
    ("PER.NAM", "PER.NOM", "GPE.NAM", "LOC.NOM"),
    ("geo-loc", "tvshow", "facility", "musicartist"),
    ("art-music", "location-GPE", "organization-company", "person-actor"),
    ("NAME", "TITLE", "CONT", "EDU"),
    ("DNA", "RNA", "protein", "cell_line"),
    ("NR", "NS", "NT"),
)


class Sentence(NamedTuple):
    """Words with parts of speech and lemmas, and entities as (start, end, label)."""

    words: tuple[str, ...]
    pos: tuple[str, ...]
    lemmas: tuple[str, ...]
    entities: tuple[tuple[int, int, str], ...]


Corpus = list[list[Sentence]]
"""Documents of sentences."""


def draw_corpus(rng: random.Random, *, hostile: bool = False, characters: bool = False) -> Corpus:
    """Draw 3 to 60 sentences, in documents; words are as unevenly frequent as in texts."""
    labels = rng.choice(LABELS)
    labels = labels[: rng.randint(1, len(labels))] if rng.random() < 0.3 else labels
    density, odd = rng.choice((0.03, 0.1, 0.2)), rng.choice((0.03, 0.2)) if hostile else 0
    lexicon = (
        [tuple(entry.rsplit("/", 2)) for entry in WORDS.split()]
        if not characters
        else [(c, "NN", c) for c in ZH]
    )
    weights = [1 / (i + 1) ** 0.9 for i in range(len(lexicon))]
    names = list(ZH[::-1]) if characters else NAMES.split()
    count = min(60, int(3 * 20 ** rng.random()))
    found = []
    for _ in range(count):
        rows, entities = [], []
        length = rng.choice((1, 2, 4, 8, 12, 20, 30)) if not found else max(1, int(rng.gauss(11, 6)))
        while len(rows) < length:
            if rng.random() < density:
                start = len(rows)
                rows += [(name, "NNP", name) for name in rng.choices(names, k=rng.choice((1, 1, 1, 2, 2, 3)))]
                entities.append((start, len(rows), rng.choice(labels)))
            elif rng.random() < odd:
                token = rng.choice(HOSTILE if rng.random() < 0.9 else WHITE_SPACE)
                token = "#" if token == "-DOCSTART-" and not rows else token
                token = token[:1] if characters else token
                rows.append((token, "SYM", token))
                if rng.random() < 0.1:
                    entities.append((len(rows) - 1, len(rows), rng.choice(labels)))
            else:
                rows.append(rng.choices(lexicon, weights)[0])
        found.append(Sentence(*map(tuple, zip(*rows, strict=True)), tuple(entities)))
    documents, at = [], 0
    while at < len(found):
        size = rng.randint(1, 8)
        documents.append(found[at : at + size])
        at += size
    return documents


def chunk(pos: str) -> str:
    """A chunk tag for a part of speech."""
    kinds = {
        "N": "B-NP",
        "D": "B-NP",
        "J": "I-NP",
        "V": "B-VP",
        "I": "B-PP",
        "R": "B-ADVP",
        "P": "B-NP",
        "C": "I-NP",
        "M": "B-VP",
        "T": "I-VP",
    }
    return kinds.get(pos[0], "O")


def tags(sentence: Sentence, scheme: str = "IOB2", style: str = "B-PER", outside: str = "O") -> list[str]:
    """Write a sentence's entities as one tag a word."""
    found = [outside] * len(sentence.words)
    before = (0, "")
    for start, end, label in sentence.entities:
        prefixes = ["B", *["I"] * (end - start - 1)]
        if scheme == "IOB1" and before != (start, label):
            prefixes[0] = "I"
        elif scheme != "IOB1" and scheme != "IOB2":
            first, inside, last, alone = {"BILUO": "BILU", "IOBES": "BIES", "BMES": "BMES", "BMEWO": "BMEW"}[
                scheme
            ]
            prefixes = [alone] if end - start == 1 else [first, *[inside] * (end - start - 2), last]
        for i, prefix in enumerate(prefixes, start=start):
            found[i] = spell(prefix, label, style)
        before = (end, label)
    return found


def spell(prefix: str, label: str, style: str) -> str:
    """Write one tag."""
    return {
        "B-PER": f"{prefix}-{label}",
        "b-per": f"{prefix.lower()}-{label}",
        "B_PER": f"{prefix}_{label}",
        "PER-B": f"{label}-{prefix}",
        "PER": label,
    }[style]


def merged(sentence: Sentence) -> Sentence:
    """The sentence as tags without prefixes can tell it: entities of one label that touch are one."""
    found: list[tuple[int, int, str]] = []
    for start, end, label in sentence.entities:
        if found and found[-1][1:] == (start, label):
            start = found.pop()[0]
        found.append((start, end, label))
    return sentence._replace(entities=tuple(found))


def without_white_space(sentence: Sentence) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Words and entities of a sentence without its tokens of white space."""
    kept = [i for i, word in enumerate(sentence.words) if not word.isspace()]
    moved = [
        (sum(i < start for i in kept), sum(i < end for i in kept), label)
        for start, end, label in sentence.entities
    ]
    return [sentence.words[i] for i in kept], [entity for entity in moved if entity[0] < entity[1]]


def wanted(corpus: Corpus) -> list[tuple[list[str], list[tuple[int, int, str]], list[int]]]:
    """What must be read of each document: words, entities as token ranges, and where sentences start."""
    found = []
    for document in corpus:
        words, entities, starts = [], [], []
        for sentence in document:
            kept, moved = without_white_space(sentence)
            starts += [len(words)] if kept else []
            entities += [(start + len(words), end + len(words), label) for start, end, label in moved]
            words += kept
        found += [(words, entities, starts)] if words else []
    return found


def found(records: Iterable[Record]) -> list[tuple[list[str], list[tuple[int, int, str]], list[int]]]:
    """What was read of each document. Where sentences are not known the first word starts the only one."""
    read = []
    for record in records:
        words = list(record.words or ())
        at = [
            0,
            *accumulate(len(word) + space for word, space in zip(words, record.spaces or (), strict=True)),
        ]
        first = {start: i for i, start in enumerate(at[:-1])}
        last = {start + len(word): i for i, (start, word) in enumerate(zip(at, words, strict=False), start=1)}
        entities = [(first[start], last[end], label) for start, end, label in record.spans]
        starts = [i for i, start in enumerate(record.sent_starts or [True]) if start]
        read += [(words, entities, starts)] if words else []
        assert not record.faults
    return read
