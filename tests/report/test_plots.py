"""Plots are SVG files that stand alone, and say the same as the report."""

import re
from pathlib import Path
from xml.etree import ElementTree

from rlaif.core.text import FILTERS
from rlaif.report import plots
from rlaif.store.store import Store
from tests.support.report_store import CURVE, HOSTILE, MATCHES, fill

SVG = "{http://www.w3.org/2000/svg}"


def test_every_chart_of_a_store_becomes_one_file_that_needs_no_other(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, prompts=30)
        paths = plots.write(store, tmp_path / "plots", MATCHES, CURVE)
        pairs = store.rows("SELECT count(*) AS n FROM pairs WHERE pairing = 'p'")[0]["n"]
    names = {path.stem for path in paths}
    assert names >= {"scores-tiny-faithfulness", "scores-oracle-helpfulness", "margins", "lengths", "wins", "training-loss"}
    assert names >= {"checkpoints-gain-over-the-base", "checkpoints-mean-length", "checkpoints-kl-divergence-from-the-base"}
    for path in paths:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        assert next(root.iter(f"{SVG}rect")).get("fill") == "#ffffff"
        assert not {"href", "src"} & {name for each in root.iter() for name in each.attrib}
        # Only the background may be given in percent.
        assert sum(value == "100%" for each in root.iter() for value in each.attrib.values()) == 2
    counts = re.findall('class="count"[^>]*>([0-9]+)<', (tmp_path / "plots/margins.svg").read_text(encoding="utf-8"))
    assert sum(map(int, counts)) == pairs


def test_hostile_names_stay_text_in_a_plot() -> None:
    text = plots.render(plots.Plot("wins", HOSTILE, HOSTILE, "", "", [plots.Interval(HOSTILE, 0.5, 0.4, 0.6)]))
    assert "script" not in {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(text).iter()}


def test_counts_on_bars_take_four_characters() -> None:
    numbers = (7, 999, 1_000, 9_940, 12_345, 999_499, 1_234_567)
    assert [FILTERS["brief"](n) for n in numbers] == ["7", "999", "1.0k", "9.9k", "12k", "999k", "1.2M"]
