"""One invented sample for each format and dialect, as its tool writes it, with what a reader must find in it."""

import gzip
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow
import pyarrow.parquet
import spacy
from spacy.tokens import Doc, DocBin

FOLDER = Path(__file__).parent


class Found(NamedTuple):
    """A record: its text, its entities as surface and label, why it is left out, and the entities lost, by
    reason.
    """

    text: str
    entities: tuple[tuple[str, str], ...] = ()
    excluded: str | None = None
    lost: tuple[tuple[str, str], ...] = ()


class Sample(NamedTuple):
    """A sample file, the format it must be told to have, its records, and what writes it (a copy, if nothing
    is said).
    """

    file: str
    format: str
    records: tuple[Found, ...]
    lang: str = "en"
    write: Callable[[Path], None] | None = None

    def put(self, folder: Path, stem: str, ending: str | None = None) -> Path:
        """Write the sample to a folder, under another name; with its text beside it where the format wants
        one.
        """
        name, _, own = self.file.rpartition("/")[2].partition(".")
        path = folder / f"{stem}.{own if ending is None else ending}"
        if self.write:
            self.write(path)
        else:
            shutil.copyfile(FOLDER / self.file, path)
        if self.format == "brat":
            shutil.copyfile(FOLDER / "brat" / f"{name}.txt", path.with_suffix(".txt"))
        return path


def hugging_face(path: Path, columns: dict[str, list], features: dict) -> None:
    """Write Parquet with a schema as Hugging Face datasets does."""
    table = pyarrow.table(columns)
    info = json.dumps({"info": {"features": features}})
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": info}), path)


def class_labels(names: list[str], *, kind: str = "Sequence") -> dict:
    """Describe `tokens` and `ner_tags`; datasets before version 4 say Sequence, later ones List."""
    tags = {"names": names, "_type": "ClassLabel"}
    return {
        "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": kind},
        "ner_tags": {"feature": tags, "_type": kind},
    }


def _parquet_tokens(path: Path) -> None:
    hugging_face(
        path,
        {
            "id": ["0", "1", "2"],
            "tokens": [
                ["Ada", "Lindqvist", "left", "Tollan", "."],
                ["Rain", "again", "."],
                ["Castell", "&", "Sons"],
            ],
            "ner_tags": [[1, 2, 0, 5, 0], [0, 0, 0], [3, 4, 4]],
        },
        class_labels(["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]),
    )


def _parquet_text(path: Path) -> None:
    spans = [[{"start": 0, "end": 4, "label": "PER"}, {"start": 9, "end": 20, "label": "LOC"}], []]
    hugging_face(
        path, {"id": [7, 8], "text": ["Ilse saw Port Merrow pier.", "Nobody else did."], "spans": spans}, {}
    )


def _docbin(path: Path) -> None:
    vocab = spacy.blank("en").vocab
    told = Doc(
        vocab,
        words=["Ada", "Lindqvist", "(", "Tollan", ")", "did", "n't", "row", "."],
        spaces=[True, True, False, False, True, False, True, False, False],
        ents=["B-PERSON", "I-PERSON", "O", "B-LOC", "O", "O", "O", "O", "O"],
    )
    untold = Doc(vocab, words=["Wim", "rowed", "."], ents=["B-PERSON", "O", "O"])
    DocBin(docs=[told, untold, Doc(vocab, words=["Rain", "."], spaces=[False, False])]).to_disk(path)


def _packed(name: str, path: Path) -> None:
    path.write_bytes(gzip.compress((FOLDER / name).read_bytes()))


OWN = (
    Found(
        "Odalys Brenn runs the Lantern Café on Gull Street in Port Merrow.",
        (("Odalys Brenn", "PERSON"), ("Lantern Café", "ORG"), ("Gull Street", "LOC"), ("Port Merrow", "LOC")),
    ),
    Found("Nothing happened today."),
    Found(
        "🚢 The Skerry Star left Tollan at noon, says Wim Aerden.",
        (("Skerry Star", "PRODUCT"), ("Tollan", "LOC"), ("Wim Aerden", "PERSON")),
    ),
)
KELP = Found(
    "Nadia Forsberg-Ito moved the Kelp Museum to Tollan.",
    (("Nadia Forsberg-Ito", "Person"), ("Kelp Museum", "Organisation"), ("Tollan", "Place")),
)
RADIO = Found(
    "Skerry Radio called Émile Dacosta.", (("Skerry Radio", "Organisation"), ("Émile Dacosta", "Person"))
)
CONLL_2003 = (
    Found(
        "Merrow Freight beats Tollan United. PORT MERROW 1997-03-14",
        (("Merrow Freight", "ORG"), ("Tollan United", "ORG"), ("PORT MERROW", "LOC")),
    ),
    Found(
        "Ada Lindqvist told Norlandic Skerry Cup fans (and Bo Ran).",
        (
            ("Ada Lindqvist", "PER"),
            ("Norlandic", "MISC"),
            ("Skerry Cup", "MISC"),
            ("Bo", "PER"),
            ("Ran", "PER"),
        ),
    ),
)

SAMPLES = (
    Sample("own.jsonl", "json", OWN),
    Sample("own.jsonl.gz", "json", OWN, write=partial(_packed, "own.jsonl")),
    Sample(
        "prodigy.jsonl",
        "json",
        (
            Found(
                "Ilse Vandermoor sold the Bluefin to Castell & Sons.",
                (("Ilse Vandermoor", "PERSON"), ("Bluefin", "PRODUCT"), ("Castell & Sons", "ORG")),
            ),
            Found("Tide tables for Tollan, page 4", excluded="answer=reject"),
            Found("Low water at six."),
            Found("??? (scan unreadable) Merrow", excluded="answer=ignore"),
            Found("They didn't reach Skerry Head.", (("Skerry Head", "LOC"),)),
        ),
    ),
    Sample(
        "doccano_old.jsonl",
        "json",
        (
            Found(
                "Pilar Quist chairs the Tollan Rowing Club.",
                (("Pilar Quist", "PER"), ("Tollan Rowing Club", "ORG")),
            ),
            Found("The ferry to Ny Hamn is late again.", (("Ny Hamn", "LOC"),)),
            Found("No service on Sundays."),
        ),
    ),
    Sample(
        "doccano_entities.jsonl",
        "json",
        (
            Found(
                "Jun Okabe-Lund joined Merrow Freight in May.",
                (("Jun Okabe-Lund", "PER"), ("Merrow Freight", "ORG")),
            ),
            Found("Rain all day."),
            Found("“Ahoy”, wrote Zoë Tarn from Ny Hamn.", (("Zoë Tarn", "PER"), ("Ny Hamn", "LOC"))),
        ),
    ),
    Sample(
        "doccano_label.jsonl",
        "json",
        (
            Found(
                "Kestrel Bakery feeds half of Gull Street.",
                (("Kestrel Bakery", "ORG"), ("Gull Street", "LOC")),
            ),
            Found("Half past nine."),
        ),
    ),
    Sample(
        "label_studio.json",
        "json",
        (
            KELP,
            Found("The scan of page nine cannot be read.", excluded="cancelled"),
            RADIO,
            Found("Nobody has looked at this.", excluded="not annotated"),
            Found("It was foggy."),
        ),
    ),
    Sample("label_studio_min.json", "json", (KELP, RADIO, Found("It was foggy."))),
    Sample("conll2003.txt", "columns", CONLL_2003),
    Sample("conll2003.txt.gz", "columns", CONLL_2003, write=partial(_packed, "conll2003.txt")),
    Sample(
        "conll2002.iob2",
        "columns",
        (
            Found("Puerto Merro, 23 may (EMA).", (("Puerto Merro", "LOC"), ("EMA", "ORG"))),
            Found(
                'La alcaldesa Inés Quintarena habló con Radio Faro B-77: "¿Y el muelle?".',
                (("Inés Quintarena", "PER"), ("Radio Faro", "ORG"), ("B-77", "MISC")),
            ),
        ),
        lang="es",
    ),
    Sample(
        "wnut.conll",
        "columns",
        (
            Found("@odalys_b meet at Lantern Café 😀!", (("Lantern Café", "location"),)),
            Found("love the new Bluefin 3 :)", (("Bluefin 3", "product"),)),
            Found(
                "RT @tollan_fm: Salt and Rope by The Drift",
                (("Salt and Rope", "creative-work"), ("The Drift", "group")),
            ),
        ),
    ),
    Sample(
        "iobes.bio",
        "columns",
        (
            Found("Wim van Aerden left Tollan.", (("Wim van Aerden", "PER"), ("Tollan", "LOC"))),
            Found(
                "Castell Bank Merrow Ny Hamn",
                (("Castell Bank", "ORG"), ("Merrow", "LOC"), ("Ny Hamn", "LOC")),
            ),
        ),
    ),
    Sample(
        "ontonotes.gold_conll",
        "columns",
        (
            Found(
                "Ada Lindqvist visited the Kelp Museum in Tollan. She didn't stay or eat.",
                (("Ada Lindqvist", "PERSON"), ("the Kelp Museum", "FAC"), ("Tollan", "GPE")),
            ),
            Found("Yes, last May.", (("last May", "DATE"),)),
        ),
    ),
    Sample(
        "conllu_plus.conllup",
        "columns",
        (
            Found('"Ahoy," cried Zoë Tarn (Ny Hamn). It cost $5.', (("Zoë Tarn", "PER"), ("Ny Hamn", "LOC"))),
            Found("Quist rowed.", (("Quist", "PER"),)),
        ),
    ),
    Sample(
        "header.tsv",
        "columns",
        (Found("Gull Street is shut", (("Gull Street", "LOC"),)), Found("Ask Ilse!", (("Ilse", "PER"),))),
    ),
    Sample(
        "brat/harbour.ann",
        "brat",
        (
            Found(
                "Harbour log, 27 May 🚢\nCaptain Émile Dacosta of Skerry Radio met Ilse and\nWim Aerden in Port Merrow. "
                "North and South Tollan stayed dry.\n",
                (
                    ("Émile Dacosta", "PERSON"),
                    ("Skerry Radio", "ORG"),
                    ("Ilse", "PERSON"),
                    ("Wim Aerden", "PERSON"),
                    ("Port Merrow", "LOC"),
                    ("South Tollan", "LOC"),
                    ("met", "Meet"),
                ),
                lost=(("discontinuous", "LOC"),),
            ),
        ),
    ),
    Sample(
        "kaggle.csv",
        "table",
        (
            Found("Ada Lindqvist, of Curaçao.", (("Ada Lindqvist", "per"), ("Curaçao", "geo"))),
            Found('"Rain"'),
        ),
    ),
    Sample(
        "lists.csv",
        "table",
        (
            Found("Ada Lindqvist didn't row.", (("Ada Lindqvist", "PER"),)),
            Found("Rain in Tollan", (("Tollan", "LOC"),)),
        ),
    ),
    Sample(
        "texts.csv",
        "table",
        (
            Found('Ilse saw "Port Merrow",\nthen Bo.', (("Ilse", "PER"), ("Port Merrow", "LOC"))),
            Found("Nobody else did."),
        ),
    ),
    Sample(
        "tokens.parquet",
        "parquet",
        (
            Found("Ada Lindqvist left Tollan.", (("Ada Lindqvist", "PER"), ("Tollan", "LOC"))),
            Found("Rain again."),
            Found("Castell & Sons", (("Castell & Sons", "ORG"),)),
        ),
        write=_parquet_tokens,
    ),
    Sample(
        "texts.parquet",
        "parquet",
        (
            Found("Ilse saw Port Merrow pier.", (("Ilse", "PER"), ("Port Merrow", "LOC"))),
            Found("Nobody else did."),
        ),
        write=_parquet_text,
    ),
    Sample(
        "docs.spacy",
        "docbin",
        (
            Found("Ada Lindqvist (Tollan) didn't row.", (("Ada Lindqvist", "PERSON"), ("Tollan", "LOC"))),
            Found("Wim rowed.", (("Wim", "PERSON"),)),
            Found("Rain."),
        ),
        write=_docbin,
    ),
)
