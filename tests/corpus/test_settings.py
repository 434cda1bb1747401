"""How raw data is read: the config, the command line, and what is said of what is wrong in them."""

import pytest
from confection import Config

from scripts.cli import UserError
from scripts.corpus.settings import OPTIONS, SECTION, Settings, parse_overrides, read_settings
from tests.closure import ROOT

CONFIG = ROOT / "configs" / "corpus.cfg"


def test_the_config_has_each_option_with_its_default():
    assert Config().from_disk(CONFIG) == {SECTION: {name: field.default for name, field in OPTIONS.items()}}
    assert read_settings(CONFIG, []) == Settings()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--corpus.columns=token,_,tag"], {"columns": "token,_,tag"}),
        (["--columns=token,_,tag"], {"columns": "token,_,tag"}),
        (["--columns", "token,_,tag", "--trim"], {"columns": "token,_,tag", "trim": True}),
        (["--corpus.trim=true"], {"trim": True}),
        (["--trim", "--trim=false"], {"trim": False}),
        (["--max-tokens=9", "--corpus.max_reject_rate", "1"], {"max_tokens": 9, "max_reject_rate": 1.0}),
        (["--annotator=007", "--corpus.text-field="], {"annotator": "007", "text_field": ""}),
        (["--offsets=utf-16"], {"offsets": "utf-16"}),
    ],
)
def test_options_come_before_the_config(arguments, found):
    settings = read_settings(CONFIG, arguments, lang="de", seed=3)
    assert settings == Settings(lang="de", seed=3, **found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--corpus.colums=x"],
            r"^--corpus\.colums: no such option \(do you mean columns\?\); there are format, ",
        ),
        (["--lang=de"], "^--lang: no such option"),
        (
            ["--align=wide"],
            r"^--corpus\.align: 'wide': Input should be 'strict', 'contract' or 'expand'\. Spans",
        ),
        (["--max-tokens=many"], r"^--corpus\.max_tokens: 'many': Input should be a valid integer.*Longer"),
        (["--max-tokens=-1"], "greater than or equal to 0"),
        (["--offsets=meters"], "'meters': Input should be 'auto', 'characters'"),
        (
            ["--accept=all"],
            r"^--corpus\.accept: 'all': nothing is called 'all'; choose of binary, other-spans\.",
        ),
        (["--columns"], "^--columns: a value is missing"),
        (["--columns", "--trim"], "^--columns: a value is missing"),
        (["stray"], "'stray': not expected here"),
    ],
)
def test_a_mistake_is_one_line_that_names_what_there_is(arguments, said):
    with pytest.raises(UserError, match=said) as error:
        read_settings(CONFIG, arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[corpus]\ntrimm = true", r"trimm: no such option \(do you mean trim\?\)"),
        ("[corpus]\nalign = 3", r"a\.cfg: align: 3: Input should be 'strict'"),
        ('[reading]\nalign = "strict"', r"\[reading\]: options are read from \[corpus\] alone"),
        ("align", "cannot be read as a config"),
    ],
)
def test_a_mistake_in_the_config_names_the_file(write_text, text, said):
    with pytest.raises(UserError, match=said) as error:
        read_settings(write_text("a.cfg", text), [])
    assert "a.cfg" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_config_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.cfg: cannot be read as a config \(No such file"):
        read_settings(tmp_path / "none.cfg", [])


def test_a_config_may_have_some_options_alone(write_text):
    assert read_settings(write_text("b.cfg", "[corpus]\ncolumns = token,_,tag"), []).columns == "token,_,tag"
    assert read_settings(write_text("a.cfg", "[corpus]\nmax_tokens = 5"), ["--trim"]) == Settings(
        max_tokens=5, trim=True
    )


def test_overrides_are_read_in_order():
    assert parse_overrides(["--align=expand", "--align=strict"]) == {"align": "strict"}
