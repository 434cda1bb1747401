"""Put the last report and benchmarks, the formats, the checks and the project's documentation into README.md and scripts/checks/README.md.

python -m scripts.readme     # after: python -m spacy project run all
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from scripts.checks.registry import CHECKS as ALL_CHECKS
from scripts.checks.registry import as_markdown as as_markdown_page
from scripts.cli import UserError, console, run
from scripts.corpus.files import read_json, write_text
from scripts.formats.foreign import JSONL, foreign_formats
from scripts.formats.registry import formats
from scripts.report.chart import bar_chart, measures
from scripts.report.machine import measured_on
from scripts.report.tables import as_markdown, comparison

MARK = "<!-- {name}: made by `python -m scripts.readme`, {edge} -->"
BENCHMARKS = Path("training") / "benchmark"
CHECKS = Path("scripts") / "checks" / "README.md"
MEASURED = {
    "README.md": ("preprocessing", "validation", "training", "processes", "transformer"),
    CHECKS.as_posix(): ("faults",),
}
"""Which benchmark's results stand in which file, where there are any."""


def main(
    root: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    picture: Annotated[Path, typer.Option(help="Where the chart goes, from the project's folder.")] = Path(
        "assets/readme/comparison.svg"
    ),
) -> None:
    """Put the last report and benchmarks (if there are any), the formats, the checks and the project's documentation where they belong."""
    path = root / "training" / "report" / "summary.json"
    if not path.exists():
        raise UserError(f"{path}: no such file; run: python -m spacy project run all")
    summary = read_json(path)
    readme = root / "README.md"
    write_text(root / picture, bar_chart(list(summary["variants"]), measures(summary["variants"])))
    text = insert(readme.read_text(encoding="utf-8"), "comparison", section(summary))
    write_text(readme, insert(insert(text, "formats", formats_table()), "foreign", foreign_list()))
    write_text(root / CHECKS, insert((root / CHECKS).read_text(encoding="utf-8"), "checks", checks_pages()))
    for name, benchmarks in MEASURED.items():
        for benchmark in benchmarks:
            results = root / BENCHMARKS / f"{benchmark}.md"
            if results.exists():
                content = results.read_text(encoding="utf-8") + drawn(
                    results.with_suffix(".svg"), root, picture.parent
                )
                write_text(root / name, insert((root / name).read_text(encoding="utf-8"), benchmark, content))
    console.print(f"{readme}, {root / CHECKS} and {root / picture}: written")


def drawn(chart: Path, root: Path, folder: Path) -> str:
    """Copy a benchmark's chart, if there is one, to the README's pictures; return what shows it."""
    if not chart.exists():
        return ""
    write_text(root / folder / chart.name, chart.read_text(encoding="utf-8"))
    return f"\n![{chart.stem}, measured]({(folder / chart.name).as_posix()})\n"


def checks_pages() -> str:
    """Return every check's page as Markdown."""
    return "\n".join(as_markdown_page(check) for check in ALL_CHECKS)


def formats_table() -> str:
    """Return the formats of raw annotations as a Markdown table."""
    lines = [
        "| `format` | what | looks like | not read, and the way out | taken from folders |",
        "| --- | --- | --- | --- | --- |",
    ]
    for format in formats().values():
        endings = ", ".join(f"`{ending}`" for ending in format.endings)
        cells = (f"`{format.name}`", format.title, f"`{format.example}`", format.not_read, endings)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def foreign_list() -> str:
    """Return what is recognised and not read, with the way out, as a Markdown list."""
    return "".join(
        f"- {', '.join(names)}: {remedy.replace(JSONL, 'write JSONL as above')}\n"
        for remedy, names in foreign_formats().items()
    )


def section(summary: dict) -> str:
    """Return the comparison as Markdown, with the machine it was measured on."""
    table = as_markdown(("", *summary["variants"]), comparison(summary["variants"]))
    return f"{measured_on(summary['machine'])}\n\n{table}"


def insert(text: str, name: str, content: str) -> str:
    """Replace what stands between the two marks of a name. Raises UserError where they are missing."""
    start, end = (MARK.format(name=name, edge=edge) for edge in ("start", "end"))
    if start not in text or end not in text:
        raise UserError(
            f"README.md: the marks {start} and {end} are missing; put them where the {name} shall stand"
        )
    return re.sub(
        re.escape(start) + ".*" + re.escape(end), lambda _: f"{start}\n{content}{end}", text, flags=re.DOTALL
    )


if __name__ == "__main__":
    run(main)
