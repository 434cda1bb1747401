import pytest

from scripts.corpus.ledger import PLACES, Count, Ledger, LedgerError


def count(stage, **added):
    ledger = Ledger()
    ledger.stages[stage].add(**added)
    return ledger


def balanced():
    """Two documents read; one is lost before the tokens, one entity of the other too."""
    ledger = Ledger()
    ledger.stages["read"].add(tokens=3, labels=["PER", "PER", "LOC"])
    ledger.stages["read"].add(tokens=2, labels=["ORG"])
    ledger.note("losses", "aligned", "answer=reject", "a.jsonl:2", documents=1, tokens=2, labels=["ORG"])
    ledger.note("losses", "aligned", "misaligned", "a.jsonl:1", labels=["LOC"])
    for stage in ("aligned", "sharded"):
        ledger.stages[stage].add(tokens=3, labels=["PER", "PER"])
    return ledger


def test_a_ledger_whose_changes_explain_all_balances():
    balanced().check()


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.stages["aligned"].labels.update(["PER"]),
        lambda ledger: ledger.stages["sharded"].labels.subtract(["PER"]),
        lambda ledger: ledger.stages["sharded"].add(tokens=0),
        lambda ledger: ledger.stages["sharded"].add(tokens=1, documents=0),
        lambda ledger: ledger.note("losses", "aligned", "overlap", "here", labels=["PER"]),
        lambda ledger: ledger.note("losses", "sharded", "overlap", "here", documents=1),
        lambda ledger: ledger.note("additions", "sharded", "cut", "here", documents=1),
    ],
)
def test_a_ledger_that_does_not_balance_is_an_error(change):
    ledger = balanced()
    change(ledger)
    with pytest.raises(LedgerError, match="does not balance"):
        ledger.check()


def test_a_label_that_became_another_does_not_balance():
    ledger = balanced()
    ledger.stages["sharded"].labels.update(["ORG"])
    ledger.stages["sharded"].labels.subtract(["PER"])
    with pytest.raises(LedgerError, match="does not balance"):
        ledger.check()


def test_a_loss_of_what_was_never_there_does_not_balance():
    ledger = Ledger()
    ledger.note("losses", "aligned", "overlap", "here", labels=["PER"])
    with pytest.raises(LedgerError, match="does not balance"):
        ledger.check()


def test_an_addition_explains_more_documents():
    ledger = balanced()
    ledger.stages["sharded"].add(tokens=0)
    ledger.note("additions", "sharded", "cut", "a.jsonl:1: 2 parts", documents=1)
    ledger.check()


def test_a_repair_changes_no_count():
    ledger = balanced()
    ledger.note("repairs", "aligned", "trimmed", "a.jsonl:1", labels=["PER"])
    ledger.check()
    assert ledger.as_json()["repairs"][0]["labels"] == {"PER": 1}


def test_tokens_are_compared_from_where_they_are_known():
    ledger = count("read", tokens=None)
    for stage in ("aligned", "sharded"):
        ledger.stages[stage].add(tokens=7)
    ledger.check()
    ledger.stages["sharded"].add(tokens=1, documents=0)
    with pytest.raises(LedgerError, match="does not balance"):
        ledger.check()


def test_the_error_shows_both_sides():
    ledger = count("read", tokens=4, labels=["PER"])
    with pytest.raises(
        LedgerError, match=r"read with its changes .*'PER': 1.*but aligned has .*'entities': 0"
    ):
        ledger.check()


def test_merged_ledgers_hold_the_sum():
    ledger = balanced()
    ledger.merge(balanced())
    ledger.merge(Ledger())
    ledger.check()
    assert ledger.stages["read"] == Count(
        4, 10, balanced().stages["read"].labels + balanced().stages["read"].labels
    )
    assert ledger.losses["aligned", "misaligned"].count.entities == 2
    assert ledger.losses["aligned", "misaligned"].places == ["a.jsonl:1", "a.jsonl:1"]


def test_unknown_tokens_stay_unknown_in_a_sum():
    ledger = count("read", tokens=3)
    ledger.merge(count("read", tokens=None))
    ledger.merge(count("read", tokens=3))
    assert ledger.stages["read"].tokens is None


def test_the_first_places_of_a_reason_are_kept():
    ledger = Ledger()
    for i in range(PLACES + 2):
        ledger.note("losses", "aligned", "overlap", f"place {i}")
    assert ledger.losses["aligned", "overlap"].places == [f"place {i}" for i in range(PLACES)]
    merged = Ledger()
    merged.note("losses", "aligned", "overlap", "before")
    merged.merge(ledger)
    assert merged.losses["aligned", "overlap"].places == [
        "before",
        *(f"place {i}" for i in range(PLACES - 1)),
    ]


def test_counts_that_differ_in_labels_subtract_label_by_label():
    rest = count("read", tokens=5, labels=["A", "B"]).stages["read"]
    rest.take(count("read", tokens=2, labels=["A", "C"]).stages["read"], -1)
    assert (rest.documents, rest.tokens, rest.as_json()["labels"]) == (0, 3, {"B": 1, "C": -1})
