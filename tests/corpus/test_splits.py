import json
import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scripts.checks.examine import Report, examine
from scripts.checks.inputs import find_inputs
from scripts.corpus.splits import HELD_OUT, SPLITS
from scripts.formats.record import AnnotationError
from tests.make import build, contents, invented, read_manifest, rows, split_of


def row(id, text, *labels, **further):
    """A row whose first words are entities, one for each label."""
    marked = "".join(f"Ana{i} " for i in range(len(labels)))
    spans = [[5 * i, 5 * i + 4, label] for i, label in enumerate(labels)]
    return {"id": id, "text": marked + text, "spans": spans, **further}


def drawn(tmp_path, write_jsonl, given, **choices):
    """The split of each row when all splits are drawn from one file."""
    build(tmp_path / "c", write_jsonl("t.jsonl", given), **choices)
    return split_of(tmp_path / "c")


def test_dev_and_test_are_held_out_of_train(tmp_path, write_jsonl):
    splits = list(drawn(tmp_path, write_jsonl, rows(300)).values())
    assert len(splits) == 300
    assert HELD_OUT == 0.1
    assert 15 <= splits.count("dev") <= 45
    assert 15 <= splits.count("test") <= 45


def test_one_split_alone_is_drawn_where_the_other_has_a_file(tmp_path, write_jsonl):
    build(tmp_path / "c", write_jsonl("t.jsonl", rows(300)), "", write_jsonl("e.jsonl", rows(3, offset=1000)))
    splits = split_of(tmp_path / "c")
    assert {id for id, split in splits.items() if split == "test"} == {"d1000", "d1001", "d1002"}
    assert 15 <= sum(split == "dev" for split in splits.values()) <= 45


def test_the_seed_decides_what_is_held_out(tmp_path, write_jsonl):
    first, same, other = (drawn(tmp_path, write_jsonl, rows(200), seed=seed) for seed in (0, 0, 1))
    assert first == same != other


@pytest.mark.parametrize("seed", range(5))
def test_three_documents_are_enough_to_hold_two_out(tmp_path, write_jsonl, seed):
    assert sorted(drawn(tmp_path, write_jsonl, rows(3), seed=seed).values()) == ["dev", "test", "train"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "left_out", [row("x", "Nobody counted the lamps", answer="ignore"), row("x", ""), "{"]
)
def test_what_is_left_out_stands_for_no_split(tmp_path, write_jsonl, left_out, seed):
    given = [left_out, *(row(f"{i}", invented(i)) for i in range(3))]
    splits = drawn(tmp_path, write_jsonl, given, seed=seed, on_error="reject", max_reject_rate=1.0)
    assert sorted(splits.values()) == ["dev", "test", "train"]


# appended documents


def test_a_document_stays_in_its_split_when_others_are_added(tmp_path, write_jsonl):
    before, after = drawn(tmp_path, write_jsonl, rows(200)), drawn(tmp_path, write_jsonl, rows(300))
    assert {id: after[id] for id in before} == before


def test_a_document_without_an_id_stays_in_its_split_wherever_it_stands(tmp_path, write_jsonl):
    given = [{"text": invented(i), "spans": []} for i in range(100)]
    new = [{"text": invented(f"new {i}"), "spans": []} for i in range(20)]
    texts = []
    for content in (
        given,
        [*given[:3], *new, *given[3:]],
    ):  # the first three see to it that no split is empty
        build(tmp_path / "c", write_jsonl("t.jsonl", content))
        lines = {id: content[int(id.removeprefix("t-")) - 1]["text"] for id in split_of(tmp_path / "c")}
        texts.append({lines[id]: split for id, split in split_of(tmp_path / "c").items()})
    assert {text: texts[1][text] for text in texts[0]} == texts[0]


def test_appending_never_moves_a_document(tmp_path, write_jsonl):
    """With groups, duplicates and rare labels among old and new ones."""
    given = [
        row(
            f"{i}",
            invented(i % 70),
            *["COMMON"] * (i % 2),
            *[f"RARE{i % 5}"] * (i % 17 == 0),
            **({"group": i % 23} if i % 3 == 0 and i < 70 else {}),
        )
        for i in range(160)
    ]
    last = {}
    for count in (20, 45, 70, 71, 90, 160):
        now = drawn(tmp_path, write_jsonl, given[:count])
        assert {id: now[id] for id in last} == last
        last = now
    assert len(last) == 160


# groups


@pytest.mark.parametrize(
    ("group_by", "field"),
    [
        ("group", lambda group: {"group": group}),
        ("group", lambda group: {"meta": {"group": group}}),
        ("author", lambda group: {"author": group}),
        ("thread", lambda group: {"meta": {"thread": group}}),
    ],
)
def test_documents_of_a_group_stay_together(tmp_path, write_jsonl, group_by, field):
    given = [row(f"{i}", invented(i), "PER", **field(i % 12)) for i in range(120)]
    splits = drawn(tmp_path, write_jsonl, given, group_by=group_by)
    sides = [{splits[f"{i}"] for i in range(group, 120, 12)} for group in range(12)]
    assert all(len(side) == 1 for side in sides)
    assert set.union(*sides) == set(SPLITS)


def test_another_field_is_no_group(tmp_path, write_jsonl):
    given = [row(f"{i}", invented(i), "PER", author=i % 12) for i in range(120)]
    splits = drawn(tmp_path, write_jsonl, given)
    assert any(len({splits[f"{i}"] for i in range(author, 120, 12)}) > 1 for author in range(12))


@pytest.mark.parametrize("seed", range(6))
def test_a_label_that_is_new_in_a_group_does_not_tear_it_apart(tmp_path, write_jsonl, seed):
    given = [row(f"{i}", invented(i), "PER", group=i) for i in range(40)]
    given.append(row("late", invented("late"), "RARE", group=30))
    splits = drawn(tmp_path, write_jsonl, given, seed=seed)
    assert splits["late"] == splits["30"]


def test_documents_of_a_file_stay_together_where_files_are_the_groups(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in range(8):
        lines = [json.dumps(row(f"{name}-{i}", invented(f"{name} {i}"), "PER")) + "\n" for i in range(10)]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    build(tmp_path / "c", folder, group_by="file")
    splits = split_of(tmp_path / "c")
    sides = [{splits[f"{name}-{i}"] for i in range(10)} for name in range(8)]
    assert all(len(side) == 1 for side in sides)
    assert set.union(*sides) == set(SPLITS)
    build(tmp_path / "c", folder)
    splits = split_of(tmp_path / "c")
    assert any(len({splits[f"{name}-{i}"] for i in range(10)}) > 1 for name in range(8))


# duplicates


@pytest.mark.parametrize(
    "other",
    [lambda text: text, str.upper, lambda text: text.replace(" ", "  "), lambda text: f"{text} besides"],
)
def test_exact_and_near_duplicates_are_on_one_side(tmp_path, write_jsonl, other):
    given = [row(f"{i}", invented(i), "PER") for i in range(60)] + [
        row(f"{i} again", other(invented(i)), "PER") for i in range(60)
    ]
    splits = drawn(tmp_path, write_jsonl, given)
    assert all(splits[f"{i}"] == splits[f"{i} again"] for i in range(60))
    assert set(splits.values()) == set(SPLITS)


@pytest.mark.parametrize("seed", range(6))
def test_a_label_that_is_new_in_a_duplicate_does_not_part_it_from_the_first(tmp_path, write_jsonl, seed):
    given = [row(f"{i}", invented(i), "PER") for i in range(40)]
    given.append(row("again", invented(30), "RARE"))
    splits = drawn(tmp_path, write_jsonl, given, seed=seed)
    assert splits["again"] == splits["30"]


def test_short_texts_that_are_the_same_are_on_one_side(tmp_path, write_jsonl):
    given = [row(f"{i}", f"Berth {i % 30}") for i in range(90)]
    splits = drawn(tmp_path, write_jsonl, given)
    assert all(len({splits[f"{i}"] for i in range(berth, 90, 30)}) == 1 for berth in range(30))
    assert set(splits.values()) == set(SPLITS)


def templates(count, seed, *, slots=6, words=6):
    """Rows of a few templates, many of them about four fifths alike."""
    draw = random.Random(seed)
    forms = [invented(f"{seed} {i}", draw.randint(14, 40)).split() for i in range(12)]
    texts = []
    for _ in range(count):
        form = list(draw.choice(forms))
        for place in draw.sample(range(len(form)), draw.randint(0, 3)):
            form[place % slots] = f"slot{draw.randrange(words)}"
        texts.append(" ".join(form))
    return [row(f"{i}", text, "PER") for i, text in enumerate(texts)]


@pytest.mark.parametrize("seed", range(3))
def test_no_near_duplicate_is_found_across_drawn_splits(tmp_path, write_jsonl, seed):
    drawn(tmp_path, write_jsonl, [*templates(250, seed), *rows(60)], seed=seed)
    inputs = find_inputs([], {}, tmp_path / "c", [])
    checks = frozenset({"near-duplicate", "near-duplicate-across-splits"})
    report = examine(inputs.files(), Report(0, checks))
    assert {finding.slug for finding in report.findings} == {"near-duplicate"}


# large groups


def grouped(*sizes, alone=0):
    """Rows of groups of these sizes, one of each in turn, and so many that are of none."""
    order = [
        group
        for _, group in sorted((i / size, group) for group, size in enumerate(sizes) for i in range(size))
    ]
    of_groups = [
        row(f"{group}-{i}", invented(f"{group} {i}", 20), "PER", group=group) for i, group in enumerate(order)
    ]
    return [*of_groups, *(row(f"alone-{i}", invented(f"alone {i}", 20), "PER") for i in range(alone))]


def sides(splits, group):
    """The splits that documents of a group are in."""
    return {split for id, split in splits.items() if id.split("-")[0] == str(group)}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by", ["group", "template"])
def test_a_group_of_most_documents_goes_to_train(tmp_path, write_jsonl, seed, by):
    form = invented("form", 30)
    if by == "group":
        many = [row(f"0-{i}", invented(i), "PER", group=0) for i in range(80)]
    else:
        many = [row(f"0-{i}", f"{form} {i}", "PER") for i in range(80)]
    given = [*many, *(row(f"alone-{i}", invented(f"alone {i}"), "PER") for i in range(40))]
    random.Random(seed).shuffle(given)
    splits = drawn(tmp_path, write_jsonl, given, seed=seed)
    assert sides(splits, 0) == {"train"}
    counts = {split: list(splits.values()).count(split) for split in SPLITS}
    assert all(1 <= counts[split] <= 20 for split in ("dev", "test"))


@pytest.mark.parametrize("seed", range(6))
def test_several_large_groups_go_to_train(tmp_path, write_jsonl, seed):
    splits = drawn(tmp_path, write_jsonl, grouped(30, 20, 10, 2, 2, alone=60), seed=seed)
    assert sides(splits, 0) == sides(splits, 1) == sides(splits, 2) == {"train"}
    assert set(splits.values()) == set(SPLITS)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sizes", [(20, 20, 20, 20, 20), (40, 30, 10), (60, 3, 2), (10,) * 11])
def test_the_smallest_groups_are_held_out_where_all_are_large(tmp_path, write_jsonl, sizes, seed):
    splits = drawn(tmp_path, write_jsonl, grouped(*sizes), seed=seed)
    counts = [list(splits.values()).count(split) for split in SPLITS]
    assert counts[0] == max(counts)
    assert sum(counts[1:]) <= sum(sorted(sizes)[:2])
    assert min(counts) > 0


@pytest.mark.parametrize("sizes", [(30,), (20, 10)])
def test_fewer_groups_than_splits_are_an_error(tmp_path, write_jsonl, sizes):
    said = r"t\.jsonl to hold some out; add some, or set vars\.dev, vars\.test to a file"
    with pytest.raises(
        AnnotationError, match=rf"too few different documents, or groups of them, are in .*{said}"
    ):
        drawn(tmp_path, write_jsonl, grouped(*sizes))
    assert not list((tmp_path / "c").glob("*"))


def test_two_groups_are_enough_to_hold_one_split_out(tmp_path, write_jsonl):
    build(tmp_path / "c", write_jsonl("t.jsonl", grouped(20, 10)), "", write_jsonl("e.jsonl", rows(3)))
    splits = split_of(tmp_path / "c")
    assert (sides(splits, 0), sides(splits, 1)) == ({"train"}, {"dev"})


@pytest.mark.parametrize("seed", range(6))
def test_a_group_that_grows_too_large_goes_to_train_and_no_other_document_moves(tmp_path, write_jsonl, seed):
    """Where each label is in each split without it: else others stand in for it."""
    alone = grouped(alone=100)
    group = [row(f"0-{i}", invented(f"0 {i}", 20), "PER", group=0) for i in range(40)]
    before, after = (drawn(tmp_path, write_jsonl, [*alone, *group[:count]], seed=seed) for count in (3, 40))
    assert sides(after, 0) == {"train"}
    assert {id for id in before if after[id] != before[id]} <= {"0-0", "0-1", "0-2"}


# labels


@pytest.mark.parametrize("seed", range(4))
def test_a_label_of_three_documents_among_three_hundred_is_in_every_split(tmp_path, write_jsonl, seed):
    given = [
        row(f"{i}", invented(i), "PER", *["RARE"] * (i in (40, 41, 299)), *["ODD"] * (i in (0, 150, 200)))
        for i in range(300)
    ]
    splits = drawn(tmp_path, write_jsonl, given, seed=seed)
    for split in SPLITS:
        assert set(read_manifest(tmp_path / "c" / split)["entities"]) == {"PER", "RARE", "ODD"}
    assert sorted(splits[f"{i}"] for i in (40, 41, 299)) == sorted(SPLITS)


def test_a_label_of_two_documents_is_in_two_splits(tmp_path, write_jsonl):
    given = [row(f"{i}", invented(i), "PER", *["RARE"] * (i in (40, 41))) for i in range(60)]
    splits = drawn(tmp_path, write_jsonl, given)
    assert splits["40"] != splits["41"]


# always the same


@settings(derandomize=True, deadline=None, max_examples=15, phases=[Phase.generate])
@given(
    st.lists(
        st.tuples(st.integers(0, 15), st.none() | st.integers(0, 3), st.sets(st.sampled_from("ABC"))),
        min_size=12,
        max_size=40,
    ),
    st.integers(),
)
def test_any_rows_are_drawn_by_the_rules(tmp_path_factory, given, seed):
    """Groups and duplicates on one side, whatever their labels; the same again however the file is cut into
    chunks.
    """
    folder = tmp_path_factory.mktemp("any")
    lines = [row(f"{i}", invented(i), "PER") for i in range(100, 103)]  # so that no split is empty
    lines += [
        row(f"{i}", invented(text), *sorted(labels), **({} if group is None else {"group": group}))
        for i, (text, group, labels) in enumerate(given)
    ]
    path = folder / "t.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    build(folder / "c", path, seed=seed % 2**32)
    splits = split_of(folder / "c")
    for groups in range(4):
        assert len({splits[f"{i}"] for i, (_, group, _) in enumerate(given) if group == groups}) <= 1
    for texts in range(16):
        assert len({splits[f"{i}"] for i, (text, _, _) in enumerate(given) if text == texts}) <= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.corpus.chunks.CHUNK_DOCUMENTS", 7)
        build(folder / "d", path, seed=seed % 2**32)
    assert split_of(folder / "d") == splits


def test_the_number_of_workers_changes_nothing(tmp_path, write_jsonl, monkeypatch):
    monkeypatch.setattr("scripts.corpus.chunks.CHUNK_DOCUMENTS", 20)
    path = write_jsonl(
        "t.jsonl",
        [row(f"{i}", invented(i % 70), "PER", **({"group": i % 31} if i < 70 else {})) for i in range(150)],
    )
    for workers in (1, 2):
        build(tmp_path / f"{workers}", path, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
