"""The page: complete, harmless, without a network, and (where there is a Chromium) as a browser shows it."""

import json
import re
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from scripts.corpus.shards import Document, write_shards
from scripts.report.calibration import calibrate
from scripts.report.comparison import compare
from scripts.report.counts import score
from scripts.report.errors import MOST_PLACES
from scripts.report.matching import pair_entities
from scripts.report.plots import plots
from scripts.report.predictions import INPUTS, Run
from scripts.report.tables import LEDGER_COLUMNS, comparison, sentences
from scripts.report.templates import number, render
from tests.browser import BROWSER, show
from tests.report.drawn_entities import browse_errors

HOSTILE = "</script><script>document.title='owned'</script><!--<img src=x onerror=alert(1)>\u2028\u202e\"'&`</style>"
EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta"}
RUN_AXE = """
axe.run().then(({violations}) => {
  const found = violations.map(({id, impact, nodes}) => [id, impact, nodes[0].html]);
  document.documentElement.textContent = JSON.stringify(found);
})
"""


class Parsed(HTMLParser):
    """A page's elements with their attributes, and the text in each kind of element."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self._open = [], {}, []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        for tag in {*self._open}:
            self.texts[tag][-1] += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def make_variants(rows_of):
    """What `compare` makes of variants' rows, with two evaluations in each history."""
    runs = {}
    for place, (name, rows) in enumerate(rows_of.items()):
        figures = dict.fromkeys(
            ("words_per_second", "peak_memory_mb", "parameters", "model_mb", "seconds", "steps"), 100 + place
        )
        history = [
            {"step": step, "words": 10 * step, "words_per_second": 5.0, "ents_f": step / 200}
            for step in (0, 100)
        ]
        training = {"seed": 0, "device": "CPU", "peak_gpu_memory_mb": None, "history": history} | figures
        report = figures | {"variant": name, "training": training, "pipeline": ["ner"], "device": "CPU"}
        report |= {"peak_gpu_memory_mb": None, "spaces_known": True}
        report |= {given: score([pair_entities(row["gold"], row[given]) for row in rows]) for given in INPUTS}
        runs[name] = [Run(report, rows)]
    return compare(runs, resamples=50)


def make_page(rows_of, corpus, text="a title", suspects=(), confident=()):
    variants, differences = make_variants(rows_of)
    for name in confident:
        variants[name]["confidence"] = calibrate(rows_of[name], rows_of[name])
    return render(
        "page.html",
        title=text,
        measured_on=text,
        said=sentences(differences),
        variants=variants,
        columns=("", *variants),
        rows=comparison(variants),
        ledger_columns=LEDGER_COLUMNS,
        ledger=[(f"test: {text}", *("1" for _ in LEDGER_COLUMNS[1:]))],
        plots=plots(variants),
        errors=browse_errors(rows_of, corpus),
        predictions=[text],
        suspects=suspects,
        suspected=len(suspects),
    )


def make_rows(tmp_path, count, *, name="Ana", label="PER", source="t.jsonl"):
    """A corpus of documents, and rows of two variants: one misses all names, the other none."""
    words, vocab = ["so", "said", "😀", "of", name, "to", "them"], Vocab()
    doc = Doc(vocab, words=words)
    doc.ents = [Span(doc, 4, 5, label=label)]
    gold = [[doc[4].idx, doc[4].idx + len(name), label]]
    for chunk in range(0, count, 100):
        here = range(chunk, min(count, chunk + 100))
        documents = [Document(doc, 0, len(doc), f"{i}", f"{source}:{i + 1}") for i in here]
        write_shards(tmp_path / "test", chunk, documents)
    write_shards(tmp_path / "train", 0, [Document(doc, 0, len(doc), "0", "train.jsonl:1")])
    rows = [{"source": f"{source}:{i + 1}", "gold": gold} for i in range(count)]
    return [found(row, []) for row in rows], [found(row, gold) for row in rows]


def found(row, entities):
    """A row with what a variant predicts, whatever it is given."""
    return row | {given: entities for given in INPUTS}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The page of names, labels, files and texts that would break out of the page."""
    folder = tmp_path_factory.mktemp("hostile")
    one, two = make_rows(folder, 30, name=HOSTILE, label=HOSTILE, source=HOSTILE)
    return make_page({f"cpu{HOSTILE}": one, "gpu": two}, folder, HOSTILE)


def test_the_page_has_all_its_parts_the_differences_first(tmp_path):
    one, two = make_rows(tmp_path, 3)
    page = Parsed(make_page({"cpu": one, "gpu": two}, tmp_path))
    assert page.texts["h1"] == ["a title"]
    assert "gpu is better than cpu by 100.0 F" in page.texts["header"][0]
    assert page.texts["h2"] == [
        "Comparison",
        "Labels",
        "Plots",
        "Confusion",
        "Errors",
        "Suspected annotation errors",
        "Ledger",
    ]
    assert len(page.texts["table"]) == len(page.texts["caption"]) == 5
    pictures = [attrs["aria-label"] for attrs in page.all("svg") if attrs.get("role") == "img"]
    assert len(pictures) == 4
    assert "cpu: 0.0 at 0, 50.0 at 100;" in " ".join(pictures)
    assert "gpu: 100.0 (100.0 to 100.0) at 101;" in " ".join(pictures)
    assert "cpu: 0.0 at 0, 50.0 at 200;" in " ".join(pictures)
    assert len([tag for tag, attrs in page.elements if attrs.get("class") == "whisker"]) == 2


def test_tables_and_landmarks_are_named_for_screen_readers(hostile):
    page = Parsed(hostile)
    assert all(attrs.get("scope") for attrs in page.all("th"))
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert all(attrs["aria-labelledby"] in ids for attrs in page.all("section"))
    assert {attrs["href"].removeprefix("#") for attrs in page.all("a")} <= ids
    assert [tag for tag, _ in page.elements if tag in ("header", "nav", "main")] == ["header", "nav", "main"]
    assert all("aria-label" in attrs for attrs in page.all("div") if attrs.get("role") == "region")


def test_nothing_comes_from_outside_the_file(hostile):
    page = Parsed(hostile)
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "img", "iframe", "base", "object", "image"})
    for _, attrs in page.elements:
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attrs)
    assert not re.search(r"url\(|@import|https?:", "".join(page.texts["style"]))
    assert "fetch(" not in hostile
    assert "innerHTML" not in hostile
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")


def test_hostile_text_stays_text(hostile):
    page = Parsed(hostile)
    assert len(page.all("script")) == 2
    assert page.texts["title"] == page.texts["h1"] == [HOSTILE]
    assert "<img" not in hostile
    data = page.texts["script"][0]
    assert not {*"<>&\u2028\u2029"} & {*data}
    assert r"\u003c/script\u003e" in data


def test_confusion_has_what_is_missed_and_spurious_last_and_shares_of_rows(tmp_path):
    """Of three PER one is found as such, and one as LOC."""
    rows, _ = make_rows(tmp_path, 3)
    per = rows[0]["gold"][0]
    rows[:2] = [found(rows[0], [[*per[:2], "LOC"], [0, 2, "LOC"]]), found(rows[1], [per])]
    page = make_page({"cpu": rows}, tmp_path)
    table = page[page.index('<table class="confusion">') :].partition("</table>")[0]
    assert re.findall(r'scope="(?:col|row)">(.*?)</th>', table) == [
        *("gold", "LOC", "PER", "missed"),
        *("LOC", "PER", "spurious"),
    ]
    cells = re.findall(r"share: ([\d.]+)\">(.*?)</td>", table)
    zero = ("0.000", "")
    third = ("0.333", "1")
    assert cells == [zero, zero, zero, third, third, third, ("1.000", "1"), zero, zero]


@pytest.mark.parametrize(("value", "wanted"), [(3, "3"), (3.0, "3"), (2.5, "2.5"), (1234.56, "1,235")])
def test_means_over_seeds_are_rounded(value, wanted):
    assert number(value) == wanted


def test_a_label_that_one_variant_alone_predicts_has_a_row(tmp_path):
    one, two = make_rows(tmp_path, 3)
    one[0] = found(one[0], [[0, 2, "WORK"]])
    page = Parsed(make_page({"cpu": one, "gpu": two}, tmp_path))
    assert "WORK" in page.texts["th"]
    assert "WORK" in page.texts["option"]


def sure_of(rows, confidence):
    """The rows with a wrong prediction of such confidence in each."""
    wrong = [found(row, [[0, 2, "WORK"]]) for row in rows]
    return [row | {"confidence": {given: [confidence] for given in INPUTS}} for row in wrong]


def test_confidences_have_two_plots_and_a_filter_where_there_are_any(tmp_path):
    one, two = make_rows(tmp_path, 3)
    page = Parsed(make_page({"cpu": sure_of(one, 0.9), "gpu": two}, tmp_path, confident=["cpu"]))
    pictures = [attrs["aria-label"] for attrs in page.all("svg") if attrs.get("role") == "img"]
    assert len(pictures) == 6
    assert "confidence" in [attrs["name"] for attrs in page.all("select")]
    (said,) = [text for text in page.texts["p"] if "Expected calibration error" in text]
    assert re.search(r"cpu \d+\.\d %\s+\(90\.0 % before calibration\)\.", said)
    assert "onfidence" not in "".join(Parsed(make_page({"gpu": two}, tmp_path)).texts["main"])


def test_without_an_error_the_page_says_so(tmp_path):
    _, two = make_rows(tmp_path, 3)
    page = Parsed(make_page({"gpu": two}, tmp_path))
    assert '"places":[]' in page.texts["script"][0]


def test_a_large_test_set_gives_a_page_of_some_megabytes(tmp_path):
    """Long names in 20,500 documents: the page holds the most it ever does, and says that it is not all."""
    one, two = make_rows(tmp_path, MOST_PLACES + 500, name="x" * 200)
    html = make_page({"cpu": one, "gpu": two}, tmp_path)
    assert len(html) < 500 * MOST_PLACES
    assert "Here are 20,000 of 20,500 places, drawn at random." in " ".join(html.split())


def browse(path, html, fragment=""):
    """The page after its script, and what the browser complains of."""
    path.write_text(html, encoding="utf-8")
    shown, complaints = show(path, "--dump-dom", fragment=fragment)
    return Parsed(shown), complaints


needs_browser = pytest.mark.skipif(not BROWSER, reason="no browser: install chromium to test the page in it")


@needs_browser
def test_a_browser_shows_pages_of_errors_and_hostile_text_as_text(hostile, tmp_path):
    page, complaints = browse(tmp_path / "index.html", hostile)
    assert complaints == []
    assert page.texts["title"] == [HOSTILE]
    assert len(page.texts["li"]) > len(page.texts["h3"]) == 25
    assert "30 places, page 1 of 2" in page.texts["p"]
    shown = HOSTILE.replace("\u202e", "⟨U+202e⟩")
    assert page.texts["h3"][0] == f"missed {shown}, 30 ×"
    assert f"{shown}{shown}" in page.texts["mark"]
    assert page.texts["dt"][1:3] == [f"cpu{shown}: missed {shown}", "gpu: right"]


@needs_browser
def test_errors_are_filtered_by_confidence(tmp_path):
    one, two = make_rows(tmp_path, 300)
    html = make_page({"cpu": sure_of(one, 0.9), "gpu": two}, tmp_path, confident=["cpu"])
    for fragment, places in (
        ("confidence=0–25 %25", 25),
        ("confidence=25–50 %25", 0),
        ("kind=missed&confidence=0–25 %25", 0),
    ):
        page, complaints = browse(tmp_path / "index.html", html, fragment)
        assert (complaints, len(page.texts.get("h3", []))) == ([], places), fragment
        if places:
            assert re.fullmatch(r"cpu: spurious WORK, \d % sure", page.texts["dt"][1])


@needs_browser
def test_a_link_may_hold_filters(tmp_path):
    one, two = make_rows(tmp_path, 3)
    html = make_page({"cpu": one, "gpu": two}, tmp_path)
    for fragment, places in (
        ("kind=missed&label=PER&variant=cpu", 3),
        ("kind=missed&variant=gpu", 0),
        ("kind=exact&variant=gpu&seen=seen+with+this+label", 3),
        ("seen=never+seen", 0),
        ("label=nothing&kind=&errors", 3),
    ):
        page, complaints = browse(tmp_path / "index.html", html, fragment)
        assert (complaints, len(page.texts.get("h3", []))) == ([], places), fragment
    assert page.texts["mark"] == ["AnaPER"] * 6  # an emoji before them is one character


def faults(path, html, *options):
    """What axe-core finds wrong with a page, but for what it calls minor."""
    package = find_spec("axe_core_python")
    if package is None:
        pytest.skip("no axe-core: pip install -r requirements/test.txt")
    axe = (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    path.write_text(f"{html}<script>{axe}</script><script>{RUN_AXE}</script>", encoding="utf-8")
    shown, _ = show(path, "--virtual-time-budget=60000", "--dump-dom", *options)
    (found,) = Parsed(shown).texts["html"]
    return [(id, impact, node) for id, impact, node in json.loads(found) if impact != "minor"]


@needs_browser
@pytest.mark.parametrize(
    "look", ["--window-size=1300,900", "--window-size=390,844", "--blink-settings=preferredColorScheme=0"]
)
def test_axe_finds_no_fault_on_screens_phones_and_in_the_dark(hostile, tmp_path, look):
    assert faults(tmp_path / "index.html", hostile, look) == []


@needs_browser
def test_axe_would_find_a_fault(hostile, tmp_path):
    spoilt = hostile.replace('<html lang="en">', "<html>").replace("</style>", "p { color: #ccc }</style>", 1)
    found = faults(tmp_path / "index.html", spoilt)
    assert [id for id, *_ in found] == ["color-contrast", "html-has-lang"]
