"""Fill what is generated in the README files: the last report, the formats, the checks.

python -m tests.documents     # after `python -m spacy project run all` with the last report
"""

import re
import tempfile
from pathlib import Path

from scripts.checks.catalogue import CHECKS, as_markdown
from scripts.cli import UserError, console, run
from scripts.corpus.files import read_json, write_text
from scripts.formats.foreign import TABLE, way_out
from scripts.formats.raw_file import OFFICE, OFFICE_REMEDY
from scripts.formats.registry import formats
from scripts.report import tables
from scripts.report.machine import measured_on
from scripts.report.templates import render
from tests.browser import BROWSER, show

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "training" / "report" / "summary.json"
CHART = ROOT / "assets" / "readme" / "comparison.svg"
PAGE, PICTURE = REPORT.with_name("index.html"), CHART.with_name("page.png")
SHOWN = "section:not(#plots, #errors), .plots figure:not(:nth-child(2n)), #plots p { display: none }"
"""What of the page there is no room for in its picture."""
LEFT_OUT = ("  F of ", "  measured on", "peak GPU memory")
"""Rows of the comparison for which the front page has no room."""
FORMAT_COLUMNS = ("`format`", "what", "looks like", "not read, and the way out", "taken from folders")


def main() -> None:
    """Fill what is generated in the README files, and draw the comparison."""
    contents = {place: make() for place, make in GENERATED.items()}
    if REPORT.exists():
        summary = read_json(REPORT)
        variants = summary["variants"]
        contents["README.md", "comparison"] = comparison(summary)
        write_text(CHART, render("chart.svg", variants=variants))
        if BROWSER:
            picture(PAGE.read_text(encoding="utf-8"))
    for (name, section), content in contents.items():
        path = ROOT / name
        write_text(path, insert(path.read_text(encoding="utf-8"), section, content))
        console.print(f"{name}: {section} written")


def insert(text: str, name: str, content: str) -> str:
    """Replace what stands between the two marks of a name. Raises UserError where they are missing."""
    start, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    if start not in text or end not in text:
        raise UserError(f"the marks {start} and {end} are missing; put them where the {name} shall stand")
    between = re.escape(start) + ".*" + re.escape(end)
    return re.sub(between, lambda _: f"{start}\n{content}{end}", text, flags=re.DOTALL)


def comparison(summary: dict) -> str:
    """Return the comparison as Markdown, the machine it was measured on, and what to say of differences."""
    said = [f"**{sentence}.**" for sentence in tables.sentences(summary.get("differences", []))]
    rows = [row for row in tables.comparison(summary["variants"]) if not row[0].startswith(LEFT_OUT)]
    table = render("table.md", columns=("", *summary["variants"]), rows=rows)
    return f"{' '.join([*said, measured_on(summary['machine'])])}\n\n{table}"


def picture(html: str) -> None:
    """Draw the page as a browser shows it, in parts."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "index.html"
        page.write_text(html.replace("</style>", f"{SHOWN}</style>", 1), encoding="utf-8")
        show(page, f"--screenshot={PICTURE}", "--window-size=1100,1080")


def checks_pages() -> str:
    """Return every check's page as Markdown."""
    return "\n".join(as_markdown(check) for check in CHECKS)


def formats_table() -> str:
    """Return the formats of raw annotations as a Markdown table."""
    rows = [FORMAT_COLUMNS, ("---",) * len(FORMAT_COLUMNS)]
    for format in formats().values():
        endings = ", ".join(f"`{ending}`" for ending in format.endings)
        rows.append((f"`{format.name}`", format.title, f"`{format.example}`", format.not_read, endings))
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def foreign_list() -> str:
    """Return what is recognised and not read, with the way out, as a Markdown list."""
    found = {OFFICE_REMEDY: set(OFFICE.values())}
    for _, name, remedy in (row for table in [*TABLE["looks"], TABLE["rows"]] for row in table["formats"]):
        found.setdefault(way_out(remedy), set()).add(name)
    return "".join(
        f"- {', '.join(sorted(names, key=str.casefold))}: "
        f"{remedy.replace(TABLE['words']['jsonl'], 'write JSONL as above')}\n"
        for remedy, names in sorted(found.items())
    )


GENERATED = {
    ("scripts/formats/README.md", "formats"): formats_table,
    ("scripts/formats/README.md", "foreign"): foreign_list,
    ("scripts/checks/README.md", "checks"): checks_pages,
}
"""What the code says of itself, by file and mark."""

if __name__ == "__main__":
    run(main)
