"""Recompute published results of judges from their recorded verdicts, with `rlaif judge-bench`.

python -m benchmarks.recorded_judges FOLDER            a checkout of princeton-nlp/LLMBar or ScalerLab/JudgeBench
python -m benchmarks.recorded_judges FOLDER --all      every evaluator of LLMBar, also on its other sets

LLMBar (Zeng et al. 2023, arXiv 2310.07641) publishes accuracy, the mean over both orders, and agreement between the
orders with the verdicts of each evaluator. For JudgeBench (Tan et al. 2024, arXiv 2410.12784), the figures are those
that the code in its checkout, `utils/metrics.py`, computes from the recorded verdicts: the share of pairs on which a
judge is right more often than wrong. Exits with code 1 unless every figure is equal to the published one, to the digit.
A pair of two identical responses has no better one for rlaif: JudgeBench's only one is left out. An evaluator of LLMBar
is skipped and counted if its file has such a pair, or a reply that names no winner, which LLMBar counts as wrong and
rlaif as no verdict.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETS = ("Natural", "Adversarial/Neighbor", "Adversarial/GPTInst", "Adversarial/GPTOut", "Adversarial/Manual")
EVALUATORS = (
    "GPT-4/Vanilla_NoRules",
    "GPT-4/Vanilla",
    "GPT-4/CoT",
    "GPT-4/Swap_CoT",
    "GPT-4/Metrics_Reference",
    "ChatGPT/Vanilla",
)
ORDERS = ("swap = False", "swap = True")
SUBSETS = {
    "knowledge": "mmlu-pro",
    "reasoning": "livebench-reasoning",
    "math": "livebench-math",
    "coding": "livecodebench",
    "": "",
}
PIPELINE = "name: recorded\nout: {out}\ncollect: {{sources: [{{path: none.jsonl}}]}}\n"


@dataclass(frozen=True)
class Recorded:
    """One file with recorded verdicts, and its published figures in percent by name."""

    label: str
    path: Path
    published: dict[str, float]


def scorecards(suite: str, files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the scorecard of the recorded judge of each file, by one call of the command."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recorded.yaml"
        file.write_text(PIPELINE.format(out=Path(folder) / "out"), encoding="utf-8")
        command = [sys.executable, "-m", "rlaif", "judge-bench", str(file), "--judge", "recorded", "--json", "--quiet"]
        command += [word for path in files for word in ("--suite", f"{suite}={path}")]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found, at = [], 0
    while at < len(text.rstrip()):
        card, at = json.JSONDecoder().raw_decode(text, at)
        found.append(card["judges"][0])
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def llmbar(folder: Path, *, every: bool) -> tuple[list[Recorded], int]:
    """Return the recorded evaluators, and how many are skipped."""
    if every:
        paths = sorted(folder.glob("Dataset/**/evaluators/*/*/result.json"))
    else:
        paths = [
            folder / "Dataset/LLMBar" / each / "evaluators" / name / "result.json" for each in SETS for name in EVALUATORS
        ]
    found, skipped = [], 0
    for path in paths:
        rows = json.loads(path.read_text(encoding="utf-8"))
        unnamed = any(row["results"][-1][order]["winner"] is None for row in rows for order in ORDERS)
        if unnamed or any(row["output_1"] == row["output_2"] for row in rows):
            skipped += 1
            continue
        figures = json.loads(path.with_name("statistics.json").read_text(encoding="utf-8"))
        published = {"accuracy": percent(figures["correct_average"]), "agreement": percent(figures["equal"])}
        found.append(Recorded(str(path.parent.relative_to(folder / "Dataset")), path, published))
    return found, skipped


def percent(text: str) -> float:
    """Return the number of `92 / 100 = 92.0%` or `93.5%`."""
    return float(text.rpartition("=")[2].strip().rstrip("%"))


def judgebench(folder: Path) -> list[Recorded]:
    """Return the recorded judges that saw both orders, with the figures that the code of the checkout computes for them."""
    spec = importlib.util.spec_from_file_location("judgebench_metrics", folder / "utils/metrics.py")
    assert spec
    assert spec.loader
    metrics = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(metrics)
    found = []
    for path in sorted(folder.glob("outputs/*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if row["response_A"] != row["response_B"]]
        if rows and all(len(row["judgments"]) == len(ORDERS) for row in rows):
            figures = {
                name: metrics.compute_final_metrics(rows, True, lambda row, start=start: row["source"].startswith(start))
                for name, start in SUBSETS.items()
            }
            found.append(Recorded(path.stem.partition("response_model=")[2], path, figures))
    return found


def recomputed(suite: str, card: dict[str, Any]) -> dict[str, float]:
    """Return the figures of a scorecard in percent, by the names of the published ones."""
    if suite == "judgebench_outputs":
        return {each["subset"] or "": 100 * each["right"] for each in card["accuracies"]}
    return {"accuracy": 100 * card["accuracies"][0]["accuracy"], "agreement": 100 * card["consistent"]["value"]}


def compared(suite: str, recorded: Sequence[Recorded], decimals: int) -> bool:
    """Print published beside recomputed figures; return whether all are equal to so many decimals."""
    right = True
    for each, card in zip(recorded, scorecards(suite, [each.path for each in recorded]), strict=True):
        figures = recomputed(suite, card)
        cells = []
        for name, published in each.published.items():
            pair = f"{published:.{decimals}f}", f"{figures[name]:.{decimals}f}"
            right &= pair[0] == pair[1]
            cells.append(f"{name or 'all'} {pair[0]} / {pair[1]}" + ("" if pair[0] == pair[1] else " DIFFERS"))
        print(f"{each.label:60} " + ", ".join(cells))
    return right


def main() -> int:
    """Print published / recomputed figures; return 1 if any differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="every evaluator and set of LLMBar")
    options = parser.parse_args()
    if (options.folder / "Dataset").exists():
        recorded, skipped = llmbar(options.folder, every=options.all)
        right = compared("llmbar_results", recorded, decimals=6)
        print(f"{len(recorded)} evaluators, {skipped} skipped: a reply names no winner, or two responses are identical")
    else:
        recorded = judgebench(options.folder)
        right = compared("judgebench_outputs", recorded, decimals=2)
    return 0 if right and recorded else 1


if __name__ == "__main__":
    sys.exit(main())
