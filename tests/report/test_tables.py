"""The comparison's rows as LaTeX."""

from scripts.report.templates import render


def as_latex(*variants, rows):
    return render("table.tex", columns=("", *variants), rows=rows)


def test_the_table_is_latex_of_booktabs():
    text = as_latex("cpu", "gpu", rows=[("F", "59.9", "70.1"), ("  95 % interval", "1–2", "3–4")])
    assert text == (
        "% \\usepackage{booktabs}\n\\begin{tabular}{lrr}\n\\toprule\n & cpu & gpu \\\\\n\\midrule\n"
        "F & 59.9 & 70.1 \\\\\n\\quad 95 \\% interval & 1--2 & 3--4 \\\\\n\\bottomrule\n\\end{tabular}\n"
    )


def test_no_name_is_a_command_in_latex():
    text = as_latex("a_b", rows=[("[1ex] * \\input{x}\n% $1 & #2 ~^<|>", "{}")])
    assert text.splitlines()[3] == " & a\\_b \\\\"
    assert text.splitlines()[5] == (
        "{[}1ex] {*} \\textbackslash{}input\\{x\\} \\% \\$1 \\& \\#2 "
        "\\textasciitilde{}\\textasciicircum{}\\textless{}\\textbar{}\\textgreater{} & \\{\\} \\\\"
    )
