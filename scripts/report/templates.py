"""Fill this folder's templates; each kind of file has its way to keep data from being markup."""

import json
import re
from pathlib import Path

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, StrictUndefined, Undefined
from markupsafe import Markup

FOLDER = Path(__file__).resolve().parent
JSON_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""In a script element, text must not end it, nor begin a comment; the JSON stays the same."""
NAMED = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater", "|": "bar"}
LATEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {sign: f"\\text{NAMED[sign]}{{}}" for sign in NAMED}
LATEX |= {"[": "{[}", "*": "{*}", "–": "--"}  # behind the end of a line, [ and * would be its options
INTERVALS = (
    "Intervals tell what other test documents may change, and nothing of other seeds unless they say so."
)


def render(name: str, **values) -> str:
    """Return a template with its values, escaped if its kind is `.html`, `.svg`, `.md` or `.tex`."""
    kind = Path(name).suffix
    finalize = {".md": in_markdown, ".tex": in_latex}.get(kind)
    escapes = {"autoescape": kind in (".html", ".svg"), "finalize": finalize}
    return _environment(undefined=StrictUndefined, **escapes).get_template(f"{name}.j2").render(values)


def comparison_rows(report: dict) -> list[tuple[str, str]]:
    """Return the comparison's rows of a variant; a value is empty where its report does not have it."""
    template = _environment(undefined=ChainableUndefined).get_template("comparison.j2")
    return template.make_module(report).rows


def _environment(**options) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters |= {"percent": percent, "interval": interval, "number": number, "json": as_json}
    environment.filters |= {"figures": figures, "pixel": pixel, "file": lambda path: Path(path).name}
    environment.globals["INTERVALS"] = INTERVALS
    environment.globals["source"] = lambda file: Markup((FOLDER / file).read_text(encoding="utf-8"))
    return environment


def in_markdown(value: object) -> str:
    """Return a value as it stands in a line or a cell: what means something in Markdown there is escaped."""
    if isinstance(value, Markup):
        return value
    return re.sub(r"([\\`*\[\]<>|#&~$]|\b_|_\b)", r"\\\1", re.sub(r"\s+", " ", str(value)))


def in_latex(value: object) -> str:
    """Return a value as it stands in a cell of a LaTeX table."""
    return " ".join(str(value).split()).translate(str.maketrans(LATEX))


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Return from which share to which, in percent."""
    return "–".join(map(percent, bounds)) if bounds else "–"


def figures(found: dict | float | Undefined | None, form: str) -> str:
    """Return a figure, or some by name, in a format; nothing where there is none."""
    if found is None or isinstance(found, Undefined):
        return ""
    return form.format(**found) if isinstance(found, dict) else form.format(found)


def number(value: float) -> str:
    """Return a number as people read it; means over seeds may have a fraction."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.1f}"


def pixel(value: float, axis: list[float], low: int, high: int) -> float:
    """Return where a value stands on an axis, by its ticks, whose ends stand at two pixels."""
    return round(low + (high - low) * (value - axis[0]) / (axis[-1] - axis[0]), 1)


def as_json(data: object) -> Markup:
    """Return data as JSON, for a script element too: hostile text in it stays text."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(JSON_ESCAPES))
