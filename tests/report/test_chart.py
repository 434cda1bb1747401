"""The comparison's picture."""

from xml.etree import ElementTree

from scripts.report.templates import render

SVG = "{http://www.w3.org/2000/svg}"


def report(f: float, speed: float) -> dict:
    return {
        "gold_tokens": {"ents_f": f},
        "words_per_second": speed,
        "peak_memory_mb": 600.0,
        "model_mb": 6.25,
        "training": {"seconds": 12.0},
    }


VARIANTS = {"cpu": report(0.5, 20_000), "a<b": report(0.25, 0)}


def test_the_chart_has_a_bar_for_each_figure_of_each_variant_scaled_to_the_largest():
    root = ElementTree.fromstring(render("chart.svg", variants=VARIANTS))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[:2] == ["cpu", "a<b"]
    assert {"50.0", "25.0", "20,000", "0.0", "600 MB", "6.2 MB", "12.0 s"} <= {*texts}
    bars = [float(rect.get("width")) for rect in root.iter(f"{SVG}rect") if rect.get("height") == "14"]
    assert len(bars) == 10
    assert bars[0] == 2 * bars[1] == bars[2]
    assert bars[3] == 0
