"""Make small corpora of the checks' examples, for tests and for the table of what finds what.

An example is parts, with a blank line between: sections of a config; and documents, one a line, as JSON rows
(`{"text": …}`) or as tokens with their tags (`She/O saw/O Cork/B-LOC | Then/O …`, where | begins a sentence,
and + at a token's end says that no space follows), after `dev:` or `test:` where they are not of train, with
`*60` behind for sixty of them (`**60`: sixty times as long). `train:` says besides that the corpus has
nothing else. `columns:` and `brat:` begin files of these formats. `vectors:` names the words that have vectors,
`weights:` the width of a pretrained tok2vec.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import spacy
from confection import Config
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import Doc, DocBin
from spacy.util import load_config, registry
from spacy.vocab import Vocab

from scripts.checks.examine import Report, validate
from scripts.checks.inputs import Inputs, find_inputs
from scripts.checks.preprocessed import SCORES
from scripts.checks.training_config import ConfigFile
from scripts.corpus.build import build_corpus
from scripts.corpus.files import read_json, write_json
from scripts.corpus.raw import RawCorpus
from scripts.corpus.settings import Settings
from scripts.corpus.shards import MANIFEST, documents_sha256, read_shard
from scripts.corpus.vectors import ORIGIN
from scripts.formats.record import AnnotationError
from scripts.training.configs import start_from

TAGGED = re.compile(r"(\S+)/(-|O|[BIO]-\S*)")
SPLIT = re.compile(r"(train|dev|test): ?")
OPTION = re.compile(r"(\w+): (.*)")
REPEAT = re.compile(r" \*(\d+)$")
TIMES = re.compile(r'"([^"]*?) ×(\d+)"')
WORDS = " ".join(f"word{i}/O" for i in range(60))
CODES = {"-": 0, "I": 1, "O": 2, "B": 3}
BASE = (
    "Nobody/O saw/O {n}/O",
    "Flo/B-PERSON {n}/O went/O to/O Leeds/B-LOC ./O",
    "The/O ACME{n}/B-ORG closed/O today/O ./O",
)
"""What stands in every split beside the example, each several times with another number."""


@dataclass(slots=True)
class Example:
    """An example taken apart: config sections, options, and documents or raw rows by split."""

    config: str = ""
    options: dict[str, str] = field(default_factory=dict)
    tagged: dict[str, list[str]] = field(default_factory=lambda: {"train": [], "dev": [], "test": []})
    rows: list[str] = field(default_factory=list)
    raw: tuple[str, str] | None = None
    alone: bool = False


def parse(text: str) -> Example:
    """Take an example apart."""
    example = Example()
    if text.startswith(("columns:\n", "brat:\n")):
        kind, _, content = text.partition(":\n")
        example.raw = kind, content
        return example
    for part in re.split(r"\n\n", text):
        if part.startswith("["):
            example.config += part + "\n\n"
            continue
        for line in part.splitlines():
            split = SPLIT.match(line)
            option = OPTION.fullmatch(line)
            if line.startswith("{"):
                example.rows.append(TIMES.sub(lambda match: '"' + f"{match[1]} " * int(match[2]) + '"', line))
            elif split:
                example.alone |= split[1] == "train"
                _add(example.tagged[split[1]], line[split.end() :])
            elif option and not TAGGED.match(line):
                example.options[option[1]] = option[2]
            else:
                _add(example.tagged["train"], line)
    return example


def _add(documents: list[str], line: str) -> None:
    """Add a document: `{words}/O` are sixty words, `**9` behind repeats its tokens, `*9` the document."""
    line, _, longer = line.partition(" **")
    if longer:
        line = " ".join([line] * int(longer))
    repeat = REPEAT.search(line)
    documents += [REPEAT.sub("", line).replace("{words}/O", WORDS)] * (int(repeat[1]) if repeat else 1)


def tagged_doc(vocab: Vocab, line: str) -> tuple[Doc, list[str]]:
    """Make a document of tokens with tags, and its tags, which spaCy might refuse."""
    words, tags, starts = [], [], []
    begins = True
    for part in line.split():
        if part == "|":
            begins = True
            continue
        word, tag = TAGGED.fullmatch(part).groups()
        joined = word.endswith("+") and len(word) > 1
        words.append((word[:-1] if joined else word).replace("\\n", "\n"))
        tags.append(tag)
        starts.append((begins, joined))
        begins = False
    known = "|" in line.split()
    sent_starts = [begins for begins, _ in starts] if known else None
    return Doc(vocab, words=words, spaces=[not joined for _, joined in starts], sent_starts=sent_starts), tags


def write_docbin(path: Path, lines: Iterable[str]) -> None:
    """Write documents with whatever tags they have, as a careless tool would."""
    vocab = Vocab()
    whole = DocBin(attrs=["ENT_IOB", "ENT_TYPE", "SENT_START"])
    for line in lines:
        doc, tags = tagged_doc(vocab, line)
        whole.add(doc)
        iob = [CODES[tag[0]] for tag in tags]
        types = [vocab.strings.add(tag[2:]) if tag[2:] else 0 for tag in tags]
        whole.strings.update(tag[2:] for tag in tags if tag[2:])
        for attr, values in ((ENT_IOB, iob), (ENT_TYPE, types)):
            whole.tokens[-1][:, whole.attrs.index(attr)] = numpy.array(values, dtype=numpy.uint64)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole.to_bytes())


def base(split: str, copies: int = 4) -> list[str]:
    """Return sound documents, others in each split."""
    return [line.replace("{n}", f"{split}{n}") for n in range(copies) for line in BASE]


def plant(
    example: Example, folder: Path, configs: Path, *, surroundings: dict[str, list[str]] | None = None
) -> tuple[Path | None, dict[str, Path], Path]:
    """Write an example's corpus and config.

    configs: folder with the quickstart's configs cpu.cfg and gpu.cfg. surroundings: documents beside it in
    each split, by default those of `base`. Returns the folder of a corpus made by preprocessing (None: of
    DocBin files that nobody checked), where each split is, and the config.
    """
    given = [split for split in ("train", "dev", "test") if not example.alone or example.tagged[split]]
    data = {split: folder / "data" / f"{split}.spacy" for split in given}
    for split, path in data.items():
        kept = base(split) if surroundings is None else surroundings[split]
        write_docbin(path, example.tagged[split] if example.alone else [*kept, *example.tagged[split]])
    corpus = None
    if example.rows or example.raw:
        corpus = folder / "corpus"
        _preprocess(example, folder, corpus)
        data = {split: corpus / split for split in data}
    if "shard" in example.options:
        data["train"].write_bytes(example.options["shard"].encode())
    if "ledger" in example.options:
        manifest = read_json(data["train"] / MANIFEST)
        write_json(
            data["train"] / MANIFEST,
            manifest | {"documents": manifest["documents"] + int(example.options["ledger"])},
        )
    if "scored" in example.options:
        here = documents_sha256(
            doc for shard in sorted(data["test"].glob("*.spacy")) for doc in read_shard(shard, Vocab())
        )
        hashed = {
            "test_sha256": here if example.options["scored"] == "here" else "",
            "test": {"documents": 2},
        }
        write_json(folder / SCORES, hashed)
    variant = "gpu" if "transformer" in example.config else "cpu"
    whole = load_config(configs / f"{variant}.cfg", interpolate=False).merge(overlay(example.config))
    whole["paths"] |= {split: data.get(split, data["train"]).as_posix() for split in ("train", "dev")}
    path = folder / "config.cfg"
    if "vectors" in example.options:
        plant_start(whole, example.options, folder / "pretrained")
    path.write_bytes(whole.to_bytes())
    return corpus, data, path


def plant_start(config: Config, options: dict[str, str], folder: Path) -> None:
    """Let a config start from vectors of some words, and from a tok2vec of some width."""
    nlp = spacy.blank("en")
    for number, word in enumerate(options["vectors"].split()):
        nlp.vocab.set_vector(word, numpy.eye(40, dtype=numpy.float32)[number])
    nlp.meta[ORIGIN] = {"lang": options.get("vectors_lang", "en")}
    folder.mkdir()
    nlp.to_disk(folder / "vectors")
    start_from(config, {"vectors": (folder / "vectors").as_posix()})
    if "weights" not in options:
        return
    width = int(options["weights"])
    block = config.interpolate()["components"]["tok2vec"]["model"]
    block["embed"]["width"] = block["encode"]["width"] = width
    model = registry.resolve({"model": block})["model"]
    model.initialize(X=[nlp.make_doc("She saw Cork")])
    (folder / "tok2vec.bin").write_bytes(model.to_bytes())
    write_json(folder / "tok2vec.json", {"vectors_sha256": options.get("weights_vectors")})
    paths = {"vectors": folder / "vectors", "init_tok2vec": folder / "tok2vec.bin"}
    start_from(config, {name: path.as_posix() for name, path in paths.items()})


def examined(text: str, folder: Path, configs: Path) -> Report:
    """Plant an example in a folder, and return all that is found in it."""
    example = parse(text)
    corpus, data, config = plant(example, folder, configs)
    inputs = (
        find_inputs([config], {}, corpus, []) if corpus else Inputs(data, (ConfigFile(folder.name, config),))
    )
    report = Report(places=0)
    labels = frozenset(filter(None, example.options.get("labels", "").split(",")))
    validate(inputs, report, labels=labels)
    return report


def overlay(text: str) -> Config:
    """Read sections of a config, with the headers of those that they are in before them."""
    sections = dict(re.findall(r"(?ms)^\[([\w.]+)\]\n?(.*?)(?=^\[|\Z)", text))
    for name in list(sections):
        parts = name.split(".")
        sections |= {
            parent: sections.get(parent, "") for parent in (".".join(parts[:i]) for i in range(1, len(parts)))
        }
    ordered = sorted(sections, key=lambda name: name.count("."))
    return Config().from_str("".join(f"[{name}]\n{sections[name]}\n" for name in ordered), interpolate=False)


def _preprocess(example: Example, folder: Path, corpus: Path) -> None:
    raw = folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    names = [f"{split}{i}" for split in ("train", "dev", "test") for i in range(2)]
    rest = [{"id": name, "text": f"Flo {name} left", "spans": [[0, 3, "PERSON"]]} for name in names]
    for split in ("dev", "test"):
        (raw / f"{split}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rest if row["id"].startswith(split)), encoding="utf-8"
        )
    train = raw / "train.jsonl"
    if example.raw and example.raw[0] == "brat":
        annotations, text = example.raw[1].split("\n\n")
        train = raw / "train.ann"
        train.write_text(annotations + "\n", encoding="utf-8")
        train.with_suffix(".txt").write_text(text, encoding="utf-8")
    elif example.raw:
        train = raw / "train.conll"
        train.write_text(example.raw[1] + "\n", encoding="utf-8")
    else:
        rows = [*(json.dumps(row) for row in rest if row["id"].startswith("train")), *example.rows]
        train.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    settings = Settings(
        on_error="reject", max_reject_rate=1.0, max_tokens=int(example.options.get("max_tokens", 1000))
    )
    try:
        build_corpus(
            RawCorpus.find(str(train), str(raw / "dev.jsonl"), str(raw / "test.jsonl")), corpus, settings
        )
    except AnnotationError as error:
        raise ValueError(f"an example's corpus cannot be built: {error}") from error
