import pytest

from scripts.formats.record import Span
from scripts.formats.registry import choose_format
from tests.make import described, entities, fails, read

HEAD = "#FORMAT=WebAnno TSV 3.3\n"
NER = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n"
POS = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue|coarseValue\n"
OWN = "#T_SP=webanno.custom.Disease|kind\n"


def file(*sentences, layers=NER):
    """A file of sentences; each is rows without trailing tab."""
    texts = ["#Text=x\n" + "".join(f"{row}\t\n" for row in sentence) for sentence in sentences]
    return HEAD + layers + "\n\n" + "\n".join(texts)


ANA = [
    "1-1\t0-3\tAna\t*[1]\tPER[1]",
    "1-2\t4-9\tPilar\t*[1]\tPER[1]",
    "1-3\t10-14\tleft\t_\t_",
    "1-4\t14-15\t.\t_\t_",
]
BO = ["2-1\t16-18\tBo\t*\tPER", "2-2\t19-22\tran\t_\t_"]


def test_it_is_told_by_its_first_line(write_text):
    assert choose_format(write_text("a.tsv", file(ANA, BO))).name == "webanno"


def test_tokens_of_one_number_are_one_entity(write_text):
    first, second = read(write_text("a.tsv", file(ANA, BO)))
    assert (first.text, entities(first), first.lines) == ("Ana Pilar left.", [("Ana Pilar", "PER")], (6,))
    assert (second.text, entities(second), second.spaces_given) == ("Bo ran", [("Bo", "PER")], True)


def test_neighbours_of_different_numbers_are_two_entities(write_text):
    rows = ["1-1\t0-3\tAna\t*[1]\tPER[1]", "1-2\t4-6\tBo\t*[2]\tPER[2]"]
    assert entities(read(write_text("a.tsv", file(rows)))[0]) == [("Ana", "PER"), ("Bo", "PER")]


def test_neighbours_without_numbers_are_two_entities(write_text):
    rows = ["1-1\t0-3\tAna\t*\tPER", "1-2\t4-6\tBo\t*\tPER"]
    assert entities(read(write_text("a.tsv", file(rows)))[0]) == [("Ana", "PER"), ("Bo", "PER")]


def test_sentences_can_be_joined(write_text):
    (record,) = read(write_text("a.tsv", file(ANA, BO)), sentences_per_doc=2)
    assert (record.text, entities(record)) == (
        "Ana Pilar left. Bo ran",
        [("Ana Pilar", "PER"), ("Bo", "PER")],
    )
    assert record.sent_starts == (True, False, False, False, True, False)


def test_stacked_values_are_spans_that_overlap(write_text):
    rows = ["1-1\t0-4\tCork\t*[1]|*[2]\tORG[1]|LOC[2]", "1-2\t5-11\tUnited\t*[1]\tORG[1]"]
    assert entities(read(write_text("a.tsv", file(rows)))[0]) == [("Cork United", "ORG"), ("Cork", "LOC")]


def test_offsets_are_units_of_utf_16(write_text):
    rows = ["1-1\t0-2\t😀\t_\t_", "1-2\t2-5\tAna\t*\tPER", "1-3\t6-8\t😀\t_\t_"]
    (record,) = read(write_text("a.tsv", file(rows)))
    assert (record.text, entities(record)) == ("😀Ana 😀", [("Ana", "PER")])


def test_a_part_of_a_token_is_no_token_but_its_span_is_kept(write_text):
    rows = [
        "1-1\t0-8\tCorkbased\t_\t_".replace("0-8", "0-9"),
        "1-1.1\t0-4\tCork\t*\tLOC",
        "1-2\t10-13\tran\t_\t_",
    ]
    (record,) = read(write_text("a.tsv", file(rows)))
    assert (record.words, record.spans) == (("Corkbased", "ran"), (Span(0, 4, "LOC"),))
    assert [one.reason for one in record.unread] == ["sub-token"]


def test_escapes_are_undone_in_labels(write_text):
    rows = [r"1-1	0-3	Ana	*	PER\_X\|Y", "1-2\t4-7\tran\t_\t_"]
    assert entities(read(write_text("a.tsv", file(rows)))[0]) == [("Ana", "PER_X|Y")]


@pytest.mark.parametrize("layers", [POS + OWN, OWN + POS])
def test_layers_without_entities_are_not_the_label(write_text, layers):
    cells = ["NNP\tNOUN", "D"] if layers.startswith(POS) else ["D", "NNP\tNOUN"]
    path = write_text("a.tsv", file([f"1-1\t0-3\tAna\t{cells[0]}\t{cells[1]}"], layers=layers))
    assert entities(read(path)[0]) == [("Ana", "D")]


def test_several_features_are_an_error_with_an_option_for_each(write_text):
    path = write_text("a.tsv", file(["1-1\t0-3\tAna\t*\tPER\tD"], layers=NER + OWN))
    message = fails(path)
    assert "--spans-field=NamedEntity.value" in message
    assert "--spans-field=Disease.kind" in message
    assert entities(read(path, spans_field="Disease.kind")[0]) == [("Ana", "D")]
    assert entities(read(path, spans_field="value")[0]) == [("Ana", "PER")]
    assert "no features are called 'x'" in fails(path, spans_field="x")


def test_relations_are_told_and_not_read(write_text):
    layers = (
        NER + "#T_RL=webanno.custom.Knows|since|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity\n"
    )
    path = write_text(
        "a.tsv", file(["1-1\t0-3\tAna\t*\tPER\t_\t_", "1-2\t4-6\tBo\t*\tPER\t1999\t1-1"], layers=layers)
    )
    assert "relations and chains are not read: Knows" in described(path)
    assert entities(read(path)[0]) == [("Ana", "PER"), ("Bo", "PER")]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1-1\t0-3\tAna\t*"], "4 columns instead of 5"),
        (["1-1\t0-3\tAna\t*\tPER\tx\ty"], "7 columns instead of 5"),
        (["1\t0-3\tAna\t*\tPER"], "are no number and offsets"),
        (["1-1\tx\tAna\t*\tPER"], "are no number and offsets"),
        (["1-1\t0-9\tAna\t*\tPER"], "do not fit 'Ana'"),
        (["1-1\t4-7\tAna\t*\tPER", "1-2\t0-3\tran\t_\t_"], "do not fit 'ran'"),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(write_text, rows, words):
    message = fails(write_text("a.tsv", file(rows)))
    assert words in message
    assert f"a.tsv:{5 + len(rows)}: " in message
