import pytest

from assets.demo.markup import parse_markup, read_markup
from scripts.formats.record import AnnotationError, Span


def test_marked_names_become_spans():
    assert parse_markup("[Ana|PER] of [Yip! Inc.|ORG].", "") == (
        "Ana of Yip! Inc..",
        (Span(0, 3, "PER"), Span(7, 16, "ORG")),
    )


def test_escapes_stand_for_what_editors_hide():
    text, spans = parse_markup("\\[[Jose\\u0301fina|PER]\\]\\r\n\\U0001F389 a|b \\\\", "")
    assert text == "[Jose\u0301fina]\r\n\U0001f389 a|b \\"
    assert spans == (Span(1, 10, "PER"),)


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ("a]", "']' without"),
        ("[a", "never closed"),
        ("[a[b|X]|X]", "'\\[' inside"),
        ("[a|x]", "not UPPER_CASE"),
        ("[|X]", "empty"),
        ("[ a|X]", "spaces"),
    ],
)
def test_broken_markup_is_an_error(marked, words):
    with pytest.raises(AnnotationError, match="here: ") as error:
        parse_markup(marked, "here")
    assert words.replace("\\[", "[") in str(error.value)


def test_documents_stand_between_headers(write_text):
    path = write_text("a.txt", "=== a-1\none\n\ntwo\n\n=== a-2\n[b|X]\n")
    assert [(record.id, record.text, record.source.line) for record in read_markup(path)] == [
        ("a-1", "one\n\ntwo", 1),
        ("a-2", "b", 6),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("=== a\nx\n=== a\ny\n", ":3: .*used twice"),
        ("=== a\n\n=== b\ny\n", ":1: .*empty"),
        ("x\n", ":1: text before"),
    ],
)
def test_bad_documents_are_errors_with_their_line(write_text, text, words):
    path = write_text("a.txt", text)
    with pytest.raises(AnnotationError, match=words):
        list(read_markup(path))
